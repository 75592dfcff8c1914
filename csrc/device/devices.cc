#include "device/devices.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <algorithm>

#include "device/cpu.h"
#include "device/cuda_driver.h"
#include "error.h"

namespace virnucpro {

namespace {

// libtorch_cuda registers its guard when it is loaded; without it there is no CUDA to use, whatever the driver says.
int64_t usable_cuda_devices() {
  if (!c10::impl::hasDeviceGuardImpl(c10::kCUDA)) return 0;
  return c10::impl::getDeviceGuardImpl(c10::kCUDA)->deviceCount();
}

}  // namespace

std::vector<DeviceDescription> list_devices() {
  std::vector<DeviceDescription> devices{describe_cpu()};
  const auto usable = usable_cuda_devices();
  for (auto& device : describe_cuda_devices()) {
    const auto ordinal = static_cast<int64_t>(devices.size()) - 1;
    if (ordinal < usable) {
      const auto [free, total] = c10::getDeviceAllocator(c10::kCUDA)->getMemoryInfo(static_cast<int8_t>(ordinal));
      device.memory_free = static_cast<int64_t>(free);
      device.memory_total = static_cast<int64_t>(total);
    }
    devices.push_back(device);
  }
  return devices;
}

UsableDevice usable_device(const std::string& id) {
  const auto devices = list_devices();
  const auto found = std::find_if(devices.begin(), devices.end(), [&](const auto& device) { return device.id == id; });
  if (found == devices.end()) {
    std::string known;
    for (const auto& device : devices) known += (known.empty() ? "" : ", ") + device.id;
    throw Error(code::kDevice, "Expected one of " + known + " for a device but received " + id);
  }
  const at::Device device(id);
  if (device.is_cuda() && device.index() >= usable_cuda_devices()) {
    throw Error(code::kDevice, "Expected a libtorch that can use " + id +
                                   " but the driver's devices and those of "
                                   "libtorch differ. Run `virnucpro doctor`");
  }
  return {device, found->bf16};
}

}  // namespace virnucpro
