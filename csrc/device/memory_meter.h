#pragma once

#include <c10/core/Device.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "device/cpu_memory.h"

namespace virnucpro {

struct MemoryFigures {
  int64_t allocated = 0;
  int64_t reserved = 0;
  int64_t peak_allocated = 0;
  int64_t peak_reserved = 0;
};

// What the tensors of one worker take, and the most that they may take.
class MemoryMeter {
 public:
  // `max_bytes`: weights included; none: what the device has.
  explicit MemoryMeter(std::optional<int64_t> max_bytes) : max_bytes_(max_bytes) {}

  // On the device's thread, before anything is made on the device. On CUDA the limit is libtorch's own: one fraction
  // for all devices of the process, set when the first of them is opened. A limit that comes too late is a warning.
  void limit(c10::Device device);
  // Throws kMemory when weights of this size leave no room within the limit.
  void expect_room_for(int64_t weight_bytes) const;
  // On the device's thread, once the weights are there.
  void loaded(c10::Device device, int64_t weight_bytes);
  // On the device's thread: reads the figures of an allocator that is not the CPU's. It is locked while it waits for
  // the device, so no other thread may ask it.
  void look();
  // Gives memory that is kept for later tensors back to the device, or to the system. On CUDA libtorch does it for all
  // devices at once and waits for each of them, so it is left out where one hangs.
  void release_unused(c10::Device device);

  // On any thread: on the CPU as it is now, elsewhere as it was when the last job was started or ended.
  MemoryFigures figures() const;
  // What counts, and limits, the tensors of the batches on the CPU.
  const std::shared_ptr<MemoryBudget>& batches() const { return batches_; }

 private:
  const std::optional<int64_t> max_bytes_;
  const std::shared_ptr<MemoryBudget> batches_ = std::make_shared<MemoryBudget>();
  mutable std::mutex mutex_;
  c10::Device device_ = c10::kCPU;
  int64_t weight_bytes_ = 0;
  MemoryFigures seen_;
};

}  // namespace virnucpro
