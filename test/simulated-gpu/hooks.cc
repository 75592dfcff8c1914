// What at::Context asks of CUDA.
#include <ATen/detail/CUDAHooksInterface.h>

#include "device.h"
#include "pinned_memory.h"

namespace at {

namespace {

class SimulatedHooks final : public CUDAHooksInterface {
 public:
  explicit SimulatedHooks(CUDAHooksArgs /*args*/) {}

  // Requires a device; its first user makes the context.
  void init() const override {
    simulated::device(0);
    simulated::make_allocator();
  }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return simulated::device_count() > 0; }
  bool hasCUDA() const override { return simulated::device_count() > 0; }
  bool hasPrimaryContext(DeviceIndex index) const override { return simulated::device(index).is_open(); }
  DeviceIndex deviceCount() const override { return static_cast<DeviceIndex>(simulated::device_count()); }
  int getNumGPUs() const override { return simulated::device_count(); }
  DeviceIndex current_device() const override { return static_cast<DeviceIndex>(simulated::current_device()); }
  DeviceIndex getCurrentDevice() const override { return current_device(); }
  void deviceSynchronize(DeviceIndex index) const override { simulated::device(index).drain(); }
  Allocator* getPinnedMemoryAllocator() const override { return &simulated::page_locked_allocator(); }
  bool isPinnedPtr(const void* address) const override { return simulated::is_page_locked(address); }
  c10::Device getDeviceFromPtr(void* address) const override {
    return {kCUDA, static_cast<DeviceIndex>(simulated::device_of(address))};
  }
};

// libtorch looks for this name.
C10_REGISTER_TYPED_CLASS(CUDAHooksRegistry, "CUDAHooks", SimulatedHooks)

}  // namespace

}  // namespace at
