#pragma once

#include <string>
#include <vector>

#include "device/devices.h"

namespace virnucpro {

struct CudaDevice {
  DeviceDescription description;   // without what only NVML knows
  int capability = 0;              // 90 for 9.0
  std::string uuid;                // 36 characters without a prefix; a slice has its own; empty if the driver has none
  bool used_here = false;          // this process has a context on it
  bool shared_by_service = false;  // CUDA's multi-process service lets several processes use it as one
};

// The newest CUDA version that the driver supports, in its own numbering: 12080 is 12.8. 0 without a driver. Starts no
// device.
int newest_cuda_of_driver();

// What the NVIDIA driver reports about its devices. libcuda is loaded by dlopen, so that the addon builds and runs
// without CUDA. Empty without a driver or a device. Makes no context.
std::vector<CudaDevice> describe_cuda_devices();

}  // namespace virnucpro
