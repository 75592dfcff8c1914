#include "device/devices.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <algorithm>

#include "device/cpu.h"
#include "device/cuda_driver.h"
#include "device/nvml.h"
#include "error.h"

namespace virnucpro {

namespace {

// libtorch_cuda registers its guard when it is loaded; without it there is no CUDA to use, whatever the driver says.
int64_t usable_cuda_devices() {
  if (!c10::impl::hasDeviceGuardImpl(c10::kCUDA)) return 0;
  return c10::impl::getDeviceGuardImpl(c10::kCUDA)->deviceCount();
}

NvmlDevice nvml_device(const CudaDevice& device) {
  return {device.uuid, device.description.pci_address, device.description.is_slice};
}

DeviceDescription with_nvml(const CudaDevice& device) {
  auto description = device.description;
  const auto nvml = nvml_device(device);
  description.driver = nvidia_driver_version();
  description.is_slice = nvml.is_slice();
  // The driver reserves a part of the memory: CUDA does not count it, and NVML counts it in the total only.
  if (const auto memory = nvml.memory()) description.memory_free = std::min(memory->free, description.memory_total);
  description.compute_mode = nvml.compute_mode().value_or(ComputeMode::kDefault);
  // The service is the one process that an exclusive device admits, and any process may go through it.
  if (device.shared_by_service && description.compute_mode == ComputeMode::kExclusive) {
    description.compute_mode = ComputeMode::kDefault;
  }
  description.other_processes = std::max<int64_t>(0, nvml.processes().value_or(0) - (device.used_here ? 1 : 0));
  return description;
}

std::string ids_of(const std::vector<CudaDevice>& devices) {
  std::string ids;
  for (const auto& device : devices) ids += (ids.empty() ? "" : ", ") + device.description.id;
  return ids;
}

// Null if there is none.
const CudaDevice* find(const std::vector<CudaDevice>& devices, const std::string& id) {
  const auto found =
      std::find_if(devices.begin(), devices.end(), [&](const auto& device) { return device.description.id == id; });
  return found == devices.end() ? nullptr : &*found;
}

}  // namespace

std::optional<DriverDescription> describe_driver() {
  const auto cuda = newest_cuda_of_driver();
  if (cuda == 0) return std::nullopt;
  return DriverDescription{nvidia_driver_version(),
                           std::to_string(cuda / 1000) + "." + std::to_string(cuda % 1000 / 10)};
}

std::vector<DeviceDescription> list_devices() {
  std::vector<DeviceDescription> devices{describe_cpu()};
  for (const auto& device : describe_cuda_devices()) devices.push_back(with_nvml(device));
  return devices;
}

std::vector<Sensors> read_sensors(const std::vector<std::string>& ids) {
  const auto devices = describe_cuda_devices();
  std::vector<Sensors> sensors;
  for (const auto& id : ids) {
    const auto* device = find(devices, id);
    if (device == nullptr) {
      const auto known = devices.empty() ? "a CUDA device (there is none)" : "one of " + ids_of(devices);
      throw Error(code::kDevice, "Expected " + known + " for `sensors` but received " + id);
    }
    const auto nvml = nvml_device(*device);
    Sensors read;
    if (const auto memory = nvml.memory()) {
      read.memory_total = memory->total;
      read.memory_free = memory->free;
    }
    read.utilisation = nvml.utilisation();
    read.temperature = nvml.temperature();
    sensors.push_back(read);
  }
  return sensors;
}

UsableDevice usable_device(const std::string& id) {
  const auto cpu = describe_cpu();
  if (id == cpu.id) return {at::Device(at::kCPU), cpu.bf16, 0};
  const auto devices = describe_cuda_devices();
  const auto* found = find(devices, id);
  if (found == nullptr) {
    const auto known = cpu.id + (devices.empty() ? "" : ", " + ids_of(devices));
    throw Error(code::kDevice, "Expected one of " + known + " for a device but received " + id);
  }
  const at::Device device(id);
  if (device.index() >= usable_cuda_devices()) {
    throw Error(code::kDevice,
                "This libtorch cannot use " + id + ": its devices are not those of the driver. Run `virnucpro doctor`");
  }
  return {device, found->description.bf16, found->capability};
}

}  // namespace virnucpro
