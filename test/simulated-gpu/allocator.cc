// Device memory, through libtorch's interface.
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

#include "device.h"

namespace simulated {

namespace {

void give_back(void* address) {
  const int owner = address == nullptr ? -1 : device_of(address);
  if (owner >= 0) device(owner).memory().give_back(address);
}

class Allocator final : public c10::DeviceAllocator {
 public:
  bool initialized() override { return allocator_is_made(); }

  c10::DataPtr allocate(size_t bytes) override {
    const int index = current_device();
    const c10::Device where(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
    if (bytes == 0) return {nullptr, nullptr, &give_back, where};
    auto& owner = device(index);
    owner.open();
    make_allocator();
    void* address = owner.memory().take(bytes, current_stream(index));
    return {address, address, &give_back, where};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void*, const void*, std::size_t) const override { TORCH_CHECK(false, "copy_data is not simulated"); }

  // On all devices that were used, like CUDA's.
  void emptyCache(c10::MempoolId_t /*pool*/) override {
    for (int index = 0; index < device_count(); ++index) {
      if (device(index).is_open()) device(index).memory().release_unused();
    }
  }
  void recordStream(const c10::DataPtr& pointer, c10::Stream stream) override {
    device(stream.device_index()).memory().record(pointer.get(), stream.id());
  }

  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex index) override {
    const auto figures = device(index).memory().figures();
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.allocated_bytes[0].current = static_cast<int64_t>(figures.allocated);
    stats.allocated_bytes[0].peak = static_cast<int64_t>(figures.peak_allocated);
    stats.reserved_bytes[0].current = static_cast<int64_t>(figures.reserved);
    stats.reserved_bytes[0].peak = static_cast<int64_t>(figures.peak_reserved);
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex index) override { device(index).memory().reset_peak(); }

  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex index) override {
    auto& memory = device(index).memory();
    const auto& gpu = device(index).gpu();
    return {gpu.free - std::min(gpu.free, memory.figures().reserved), gpu.memory};
  }
};

const bool is_registered = [] {
  c10::SetAllocator(c10::kCUDA, new Allocator(), /*priority=*/1);
  return true;
}();

}  // namespace

}  // namespace simulated
