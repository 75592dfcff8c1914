#pragma once

#include <string>
#include <vector>

#include "device/devices.h"

namespace virnucpro {

struct CudaDevice {
  DeviceDescription description;   // without what only NVML knows
  int capability = 0;              // 90 for 9.0
  std::string uuid;                // 36 letters without a prefix; of a slice, its own; empty where the driver has none
  bool used_here = false;          // this process has a context on it
  bool shared_by_service = false;  // CUDA's multi-process service lets several processes use it as one
};

// The newest CUDA that the driver runs, as it numbers it: 12080 is 12.8. 0 without a driver. Starts no device.
int newest_cuda_of_driver();

// What the NVIDIA driver says of its devices, asked through libcuda by dlopen so that the addon builds and runs without
// CUDA. Empty where there is no driver or no device. Makes no context.
std::vector<CudaDevice> describe_cuda_devices();

}  // namespace virnucpro
