#include "device/nvml.h"

#include <array>

#include "optional_library.h"

namespace virnucpro {

namespace {

// From NVML's stable C interface (nvml.h): a result and an enumerator are an int, a handle is a pointer.
constexpr int kInsufficientSize = 7;
constexpr int kNvmlComputeModeDefault = 0;
constexpr int kNvmlComputeModeProhibited = 2;
constexpr int kTemperatureOfGpu = 0;
using NvmlHandle = void*;

struct NvmlMemory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct NvmlUtilisation {
  unsigned gpu;  // percent
  unsigned memory;
};

// Functions that an old driver lacks are null.
struct NvmlFunctions {
  int (*driver_version)(char*, unsigned) = nullptr;
  int (*device_by_uuid)(const char*, NvmlHandle*) = nullptr;
  int (*device_by_address)(const char*, NvmlHandle*) = nullptr;
  int (*is_slice)(NvmlHandle, unsigned*) = nullptr;
  int (*gpu_of_slice)(NvmlHandle, NvmlHandle*) = nullptr;
  int (*memory)(NvmlHandle, NvmlMemory*) = nullptr;
  int (*compute_mode)(NvmlHandle, int*) = nullptr;
  int (*processes)(NvmlHandle, unsigned*, void*) = nullptr;
  int (*utilisation)(NvmlHandle, NvmlUtilisation*) = nullptr;
  int (*temperature)(NvmlHandle, int, unsigned*) = nullptr;
};

NvmlFunctions load_nvml() {
  NvmlFunctions functions;
  const OptionalLibrary library("libnvidia-ml.so.1");
  int (*init)() = nullptr;
  library.find(init, "nvmlInit_v2");
  if (!succeeds(init)) return functions;
  library.find(functions.driver_version, "nvmlSystemGetDriverVersion");
  library.find(functions.device_by_uuid, "nvmlDeviceGetHandleByUUID");
  library.find(functions.device_by_address, "nvmlDeviceGetHandleByPciBusId_v2");
  library.find(functions.is_slice, "nvmlDeviceIsMigDeviceHandle");
  library.find(functions.gpu_of_slice, "nvmlDeviceGetDeviceHandleFromMigDeviceHandle");
  library.find(functions.memory, "nvmlDeviceGetMemoryInfo");
  library.find(functions.compute_mode, "nvmlDeviceGetComputeMode");
  library.find(functions.processes, "nvmlDeviceGetComputeRunningProcesses_v3");
  library.find(functions.utilisation, "nvmlDeviceGetUtilizationRates");
  library.find(functions.temperature, "nvmlDeviceGetTemperature");
  return functions;
}

// Initialised once and, like the library, kept for the life of the process: a thread may be reading a sensor when it
// ends.
const NvmlFunctions& nvml() {
  static const NvmlFunctions functions = load_nvml();
  return functions;
}

bool answers_as_slice(NvmlHandle device) {
  unsigned answer = 0;
  return succeeds(nvml().is_slice, device, &answer) && answer != 0;
}

NvmlHandle device_by_uuid(const std::string& prefix, const std::string& uuid) {
  NvmlHandle device = nullptr;
  return !uuid.empty() && succeeds(nvml().device_by_uuid, (prefix + uuid).c_str(), &device) ? device : nullptr;
}

NvmlHandle device_by_address(const std::string& address) {
  NvmlHandle device = nullptr;
  return !address.empty() && succeeds(nvml().device_by_address, address.c_str(), &device) ? device : nullptr;
}

NvmlHandle gpu_of_slice(NvmlHandle slice) {
  NvmlHandle gpu = nullptr;
  return succeeds(nvml().gpu_of_slice, slice, &gpu) ? gpu : nullptr;
}

}  // namespace

NvmlDevice::NvmlDevice(const std::string& uuid, const std::string& pci_address, bool named_as_slice)
    : is_slice_(named_as_slice) {
  // NVML may start every GPU to find one, so the likelier kind is tried first.
  NvmlHandle found = device_by_uuid(named_as_slice ? "MIG-" : "GPU-", uuid);
  if (found == nullptr) found = device_by_uuid(named_as_slice ? "GPU-" : "MIG-", uuid);
  if (found != nullptr && answers_as_slice(found)) {
    is_slice_ = true;
    device_ = found;
    gpu_ = gpu_of_slice(found);
  } else {
    gpu_ = found;
  }
  if (gpu_ == nullptr) gpu_ = device_by_address(pci_address);
  // If NVML does not find a slice, the figures of its whole GPU must not stand in for it.
  if (!is_slice_) device_ = gpu_;
}

std::optional<NvmlDevice::Memory> NvmlDevice::memory() const {
  NvmlMemory memory{};
  if (device_ == nullptr || !succeeds(nvml().memory, device_, &memory)) return std::nullopt;
  return Memory{static_cast<int64_t>(memory.total), static_cast<int64_t>(memory.free)};
}

std::optional<ComputeMode> NvmlDevice::compute_mode() const {
  int mode = kNvmlComputeModeDefault;
  if (device_ == nullptr || !succeeds(nvml().compute_mode, device_, &mode)) return std::nullopt;
  if (mode == kNvmlComputeModeDefault) return ComputeMode::kDefault;
  return mode == kNvmlComputeModeProhibited ? ComputeMode::kProhibited : ComputeMode::kExclusive;
}

std::optional<int64_t> NvmlDevice::processes() const {
  if (device_ == nullptr || nvml().processes == nullptr) return std::nullopt;
  // With room for no entries, the answer is how many there are.
  unsigned count = 0;
  const auto result = nvml().processes(device_, &count, nullptr);
  if (result != kDriverSuccess && result != kInsufficientSize) return std::nullopt;
  return count;
}

std::optional<double> NvmlDevice::utilisation() const {
  NvmlUtilisation figures{};
  if (device_ == nullptr || !succeeds(nvml().utilisation, device_, &figures)) return std::nullopt;
  return figures.gpu / 100.0;
}

std::optional<int64_t> NvmlDevice::temperature() const {
  unsigned degrees = 0;
  if (gpu_ == nullptr || !succeeds(nvml().temperature, gpu_, kTemperatureOfGpu, &degrees)) return std::nullopt;
  return degrees;
}

std::string nvidia_driver_version() {
  // The maximum length, according to NVML.
  std::array<char, 80> version{};
  return succeeds(nvml().driver_version, version.data(), static_cast<unsigned>(version.size())) ? version.data() : "";
}

}  // namespace virnucpro
