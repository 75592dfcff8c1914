#pragma once

#include <vector>

#include "device/devices.h"

namespace virnucpro {

// What the NVIDIA driver says of its devices, asked through libcuda by dlopen so that the addon builds and runs without
// CUDA. Empty where there is no driver or no device.
std::vector<DeviceDescription> describe_cuda_devices();

}  // namespace virnucpro
