#include "device/cuda_driver.h"

#include <dlfcn.h>

#include <array>
#include <string>

namespace virnucpro {

namespace {

// From the driver's stable C interface (cuda.h): CUdevice is an int, attributes 75 and 76 are the compute capability.
constexpr int kSuccess = 0;
constexpr int kCapabilityMajor = 75;
constexpr int kCapabilityMinor = 76;

template <typename Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace

std::vector<DeviceDescription> describe_cuda_devices() {
  // Never closed: libtorch_cuda holds the driver for the life of the process too.
  static void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return {};
  const auto init = symbol<int (*)(unsigned)>(driver, "cuInit");
  const auto count_devices = symbol<int (*)(int*)>(driver, "cuDeviceGetCount");
  const auto get_device = symbol<int (*)(int*, int)>(driver, "cuDeviceGet");
  const auto get_name = symbol<int (*)(char*, int, int)>(driver, "cuDeviceGetName");
  const auto get_attribute = symbol<int (*)(int*, int, int)>(driver, "cuDeviceGetAttribute");
  const auto get_memory = symbol<int (*)(size_t*, int)>(driver, "cuDeviceTotalMem_v2");
  int count = 0;
  if (init == nullptr || count_devices == nullptr || get_device == nullptr || get_name == nullptr ||
      get_attribute == nullptr || get_memory == nullptr || init(0) != kSuccess || count_devices(&count) != kSuccess) {
    return {};
  }
  std::vector<DeviceDescription> devices;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    int device_handle = 0;
    std::array<char, 256> name{};
    int major = 0;
    int minor = 0;
    size_t memory = 0;
    get_device(&device_handle, ordinal);
    get_name(name.data(), static_cast<int>(name.size()) - 1, device_handle);
    get_attribute(&major, kCapabilityMajor, device_handle);
    get_attribute(&minor, kCapabilityMinor, device_handle);
    get_memory(&memory, device_handle);
    DeviceDescription device;
    device.id = "cuda:" + std::to_string(ordinal);
    device.name = name.data();
    device.capability = std::to_string(major) + "." + std::to_string(minor);
    device.memory_total = static_cast<int64_t>(memory);
    device.bf16 = major >= 8;
    devices.push_back(device);
  }
  return devices;
}

}  // namespace virnucpro
