#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

namespace virnucpro {

struct DeviceDescription {
  std::string id;  // cpu, cuda:0, ...
  std::string name;
  std::string capability;    // e.g. 9.0; empty for the CPU
  int64_t memory_total = 0;  // bytes
  int64_t memory_free = 0;
  bool bf16 = false;  // computed natively
};

// The CPU first, then the CUDA devices in the driver's order, within CUDA_VISIBLE_DEVICES.
std::vector<DeviceDescription> list_devices();

struct UsableDevice {
  at::Device device;
  bool bf16;
};

// Throws kDevice for an id that does not exist, or that this libtorch cannot use.
UsableDevice usable_device(const std::string& id);

}  // namespace virnucpro
