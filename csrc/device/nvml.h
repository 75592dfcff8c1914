#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "device/devices.h"

namespace virnucpro {

// One GPU, or one slice of it, as described by NVML, the driver's library behind nvidia-smi. It is loaded with dlopen;
// if it is missing or does not know a figure, the figure is empty. No call makes a CUDA context or takes device memory.
// Any thread may ask.
class NvmlDevice {
 public:
  struct Memory {
    int64_t total = 0;  // bytes
    int64_t free = 0;
  };

  // Found by UUID, 36 characters without a prefix for a GPU and a slice alike, or by the PCI address of the GPU. Either
  // may be empty.
  NvmlDevice(const std::string& uuid, const std::string& pci_address, bool named_as_slice);

  bool is_slice() const { return is_slice_; }
  std::optional<Memory> memory() const;
  std::optional<ComputeMode> compute_mode() const;
  // How many processes compute on it, this one included.
  std::optional<int64_t> processes() const;
  // Fraction of the recent past in which it computed, 0 to 1.
  std::optional<double> utilisation() const;
  // Degrees Celsius; for a slice, of its GPU.
  std::optional<int64_t> temperature() const;

 private:
  void* device_ = nullptr;  // the GPU or the slice; null: NVML does not know it
  void* gpu_ = nullptr;     // the same, or the GPU of the slice
  bool is_slice_;
};

// E.g. 580.65.06; empty without NVML.
std::string nvidia_driver_version();

}  // namespace virnucpro
