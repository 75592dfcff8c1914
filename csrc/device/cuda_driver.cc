#include "device/cuda_driver.h"

#include <array>
#include <cstdio>
#include <string>

#include "optional_library.h"

namespace virnucpro {

namespace {

// From the driver's stable C interface (cuda.h): a result and a CUdevice are an int, a CUuuid is 16 bytes.
constexpr int kCapabilityMajor = 75;
constexpr int kCapabilityMinor = 76;
constexpr int kMultiProcessService = 133;
using Uuid = std::array<unsigned char, 16>;

struct DeviceQueries {
  int (*count_devices)(int*) = nullptr;
  int (*get_device)(int*, int) = nullptr;
  int (*get_name)(char*, int, int) = nullptr;
  int (*get_attribute)(int*, int, int) = nullptr;
  int (*get_memory)(size_t*, int) = nullptr;
  int (*get_address)(char*, int, int) = nullptr;
  int (*get_uuid)(Uuid*, int) = nullptr;
  int (*get_context_state)(int, unsigned*, int*) = nullptr;
};

DeviceQueries load_device_queries() {
  DeviceQueries driver;
  const OptionalLibrary library("libcuda.so.1");
  int (*init)(unsigned) = nullptr;
  library.find(init, "cuInit");
  if (!succeeds(init, 0u)) return driver;
  library.find(driver.count_devices, "cuDeviceGetCount");
  library.find(driver.get_device, "cuDeviceGet");
  library.find(driver.get_name, "cuDeviceGetName");
  library.find(driver.get_attribute, "cuDeviceGetAttribute");
  library.find(driver.get_memory, "cuDeviceTotalMem_v2");
  library.find(driver.get_address, "cuDeviceGetPCIBusId");
  // The first gives a slice's own UUID, the second that of its GPU.
  library.find(driver.get_uuid, "cuDeviceGetUuid_v2");
  if (driver.get_uuid == nullptr) library.find(driver.get_uuid, "cuDeviceGetUuid");
  library.find(driver.get_context_state, "cuDevicePrimaryCtxGetState");
  return driver;
}

// The driver writes the domain with four digits, nvidia-smi with eight.
std::string address_of(const DeviceQueries& driver, int handle) {
  std::array<char, 32> text{};
  if (!succeeds(driver.get_address, text.data(), static_cast<int>(text.size()) - 1, handle)) return "";
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
  unsigned function = 0;
  if (std::sscanf(text.data(), "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4) return text.data();
  std::array<char, 40> address{};
  std::snprintf(address.data(), address.size(), "%08X:%02X:%02X.%X", domain, bus, device, function);
  return address.data();
}

std::string uuid_of(const DeviceQueries& driver, int handle) {
  Uuid bytes{};
  if (!succeeds(driver.get_uuid, &bytes, handle)) return "";
  constexpr const char* kDigits = "0123456789abcdef";
  std::string uuid;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += kDigits[bytes[i] >> 4];
    uuid += kDigits[bytes[i] & 15];
  }
  return uuid;
}

CudaDevice describe(const DeviceQueries& driver, int ordinal, int handle) {
  std::array<char, 256> name{};
  int major = 0;
  int minor = 0;
  int service = 0;
  size_t memory = 0;
  unsigned flags = 0;
  int active = 0;
  succeeds(driver.get_name, name.data(), static_cast<int>(name.size()) - 1, handle);
  succeeds(driver.get_attribute, &major, kCapabilityMajor, handle);
  succeeds(driver.get_attribute, &minor, kCapabilityMinor, handle);
  succeeds(driver.get_memory, &memory, handle);
  CudaDevice device;
  device.description.id = "cuda:" + std::to_string(ordinal);
  device.description.name = name.data();
  device.capability = 10 * major + minor;
  device.description.capability = std::to_string(major) + "." + std::to_string(minor);
  device.description.memory_total = static_cast<int64_t>(memory);
  device.description.bf16 = major >= 8;
  device.description.pci_address = address_of(driver, handle);
  device.description.is_slice = device.description.name.find(" MIG ") != std::string::npos;
  device.uuid = uuid_of(driver, handle);
  device.used_here = succeeds(driver.get_context_state, handle, &flags, &active) && active != 0;
  device.shared_by_service = succeeds(driver.get_attribute, &service, kMultiProcessService, handle) && service != 0;
  return device;
}

}  // namespace

int newest_cuda_of_driver() {
  const OptionalLibrary library("libcuda.so.1");
  int (*get_version)(int*) = nullptr;
  library.find(get_version, "cuDriverGetVersion");
  int version = 0;
  return succeeds(get_version, &version) ? version : 0;
}

std::vector<CudaDevice> describe_cuda_devices() {
  static const DeviceQueries driver = load_device_queries();
  std::vector<CudaDevice> devices;
  int count = 0;
  if (!succeeds(driver.count_devices, &count)) return devices;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    int handle = 0;
    succeeds(driver.get_device, &handle, ordinal);
    devices.push_back(describe(driver, ordinal, handle));
  }
  return devices;
}

}  // namespace virnucpro
