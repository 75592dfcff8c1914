#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace virnucpro {

enum class ComputeMode { kDefault, kExclusive, kProhibited };

struct DeviceDescription {
  std::string id;  // cpu, cuda:0, ...
  std::string name;
  std::string capability;              // e.g. 9.0; empty for the CPU
  int64_t memory_total = 0;            // bytes
  std::optional<int64_t> memory_free;  // empty for a GPU without NVML
  bool bf16 = false;                   // computed natively
  std::string driver;                  // empty for the CPU and without NVML
  std::string pci_address;             // as nvidia-smi shows it; empty for the CPU
  bool is_slice = false;               // of a multi-instance GPU (MIG)
  ComputeMode compute_mode = ComputeMode::kDefault;
  int64_t other_processes = 0;  // that compute on it; 0 if unknown
};

struct DriverDescription {
  std::string version;  // e.g. 580.65.06; empty without NVML
  std::string cuda;     // the newest CUDA that it supports, e.g. 13.0
};

// Empty without an NVIDIA driver. Starts no device.
std::optional<DriverDescription> describe_driver();

// The CPU first, then the CUDA devices in the driver's order, within CUDA_VISIBLE_DEVICES. Makes no CUDA context.
std::vector<DeviceDescription> list_devices();

// Values are empty where unknown.
struct Sensors {
  std::optional<int64_t> memory_total;  // bytes
  std::optional<int64_t> memory_free;
  std::optional<double> utilisation;   // 0 to 1
  std::optional<int64_t> temperature;  // degrees Celsius
};

// Reads the sensors of these CUDA devices. Throws kDevice for any other id.
std::vector<Sensors> read_sensors(const std::vector<std::string>& ids);

struct UsableDevice {
  at::Device device;
  bool bf16 = false;
  int capability = 0;  // 90 for 9.0; 0 for the CPU
};

// Throws kDevice for an id that does not exist, or that this libtorch cannot use.
UsableDevice usable_device(const std::string& id);

}  // namespace virnucpro
