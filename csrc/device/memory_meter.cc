#include "device/memory_meter.h"

#include <ATen/Context.h>
#include <c10/core/AllocatorConfig.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <string>

#include "device/byte_text.h"
#include "device/devices.h"
#include "error.h"
#include "stream/hanging_devices.h"

namespace virnucpro {

namespace {

// The fraction of a device's memory at which even the largest device gives no more than this many bytes.
double smallest_fraction(int64_t bytes, c10::DeviceType type) {
  int64_t largest = 0;
  for (const auto& device : list_devices()) {
    if (c10::Device(device.id).type() == type) largest = std::max(largest, device.memory_total);
  }
  return largest == 0 ? 1.0 : std::min(1.0, static_cast<double>(bytes) / static_cast<double>(largest));
}

// The allocator reads it when the first device of the process is opened.
void set_memory_fraction(double fraction, c10::DeviceType type) {
  static std::mutex mutex;
  static double in_force = 1.0;
  const std::lock_guard<std::mutex> lock(mutex);
  if (fraction == in_force) return;
  if (c10::getDeviceAllocator(type)->initialized()) {
    TORCH_WARN("The memory limit of this process's GPUs was set to ", in_force * 100,
               " % when the first one was opened, and can no longer be changed");
    return;
  }
  // Keeps what the user set in the environment: later settings override earlier ones.
  const auto before = c10::CachingAllocator::getAllocatorSettings();
  c10::CachingAllocator::setAllocatorSettings((before.empty() ? "" : before + ",") +
                                              "per_process_memory_fraction:" + std::to_string(fraction));
  in_force = fraction;
}

// The allocator is made once for all devices of the process. A thread that looks at it while another thread makes it
// finds it half made, whatever its own `initialized` says.
c10::DeviceAllocator& made_allocator(c10::DeviceType type) {
  at::globalContext().lazyInitDevice(type);
  return *c10::getDeviceAllocator(type);
}

}  // namespace

void MemoryMeter::limit(c10::Device device) {
  if (device.is_cpu()) return;
  if (max_bytes_) set_memory_fraction(smallest_fraction(*max_bytes_, device.type()), device.type());
  // Drops the peaks of an earlier worker.
  made_allocator(device.type()).resetPeakStats(device.index());
}

void MemoryMeter::expect_room_for(int64_t weight_bytes) const {
  if (!max_bytes_ || weight_bytes < *max_bytes_) return;
  throw Error(code::kMemory, "The weights of this worker take " + byte_text(weight_bytes) +
                                 ", which leaves no room within " + byte_text(*max_bytes_) +
                                 " (`maxMemory`). Allow more memory, or choose bf16 or a smaller model");
}

void MemoryMeter::loaded(c10::Device device, int64_t weight_bytes) {
  expect_room_for(weight_bytes);
  if (max_bytes_) batches_->set_limit(*max_bytes_ - weight_bytes);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    device_ = device;
    weight_bytes_ = weight_bytes;
  }
  look();
}

void MemoryMeter::look() {
  if (device_.is_cpu()) return;
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto stats = c10::getDeviceAllocator(device_.type())->getDeviceStats(device_.index());
  const auto& allocated = stats.allocated_bytes[kAll];
  const auto& reserved = stats.reserved_bytes[kAll];
  const std::lock_guard<std::mutex> lock(mutex_);
  seen_ = {allocated.current, reserved.current, allocated.peak, reserved.peak};
}

void MemoryMeter::release_unused(c10::Device device) {
  if (device.is_cpu()) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
    return;
  }
  if (has_hanging_device()) return;
  try {
    made_allocator(device.type()).emptyCache();
  } catch (const c10::Error&) {
    // A device that failed cannot give anything back.
  }
}

MemoryFigures MemoryMeter::figures() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!device_.is_cpu()) return seen_;
  const auto now = weight_bytes_ + batches_->allocated();
  const auto peak = weight_bytes_ + batches_->peak();
  return {now, now, peak, peak};
}

}  // namespace virnucpro
