#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "device/devices.h"

namespace virnucpro {

// One GPU, or one slice of it, as NVML describes it, the driver's library behind nvidia-smi. It is loaded with dlopen;
// where it is missing, or does not know, there is nothing. No call makes a CUDA context or takes memory of the device.
// Any thread may ask.
class NvmlDevice {
 public:
  struct Memory {
    int64_t total = 0;  // bytes
    int64_t free = 0;
  };

  // The UUID as 36 letters without a prefix, the same for a GPU and a slice; or the address of the GPU on its bus.
  // Either may be empty.
  NvmlDevice(const std::string& uuid, const std::string& pci_address, bool named_as_slice);

  bool is_slice() const { return is_slice_; }
  std::optional<Memory> memory() const;
  std::optional<ComputeMode> compute_mode() const;
  // How many processes compute on it, this one among them.
  std::optional<int64_t> processes() const;
  // Fraction of the last moments in which it computed, 0 to 1.
  std::optional<double> utilisation() const;
  // Degrees Celsius, of the GPU that a slice is cut from.
  std::optional<int64_t> temperature() const;

 private:
  void* device_ = nullptr;  // the GPU or the slice; null: NVML does not know it
  void* gpu_ = nullptr;     // the same, or the GPU that the slice is cut from
  bool is_slice_;
};

// Of the NVIDIA driver, e.g. 580.65.06; empty without NVML.
std::string nvidia_driver_version();

}  // namespace virnucpro
