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

// Measures and limits the memory of one worker's tensors.
class MemoryMeter {
 public:
  // `max_bytes` includes the weights; empty: whatever the device has.
  explicit MemoryMeter(std::optional<int64_t> max_bytes) : max_bytes_(max_bytes) {}

  // On the device's thread, before anything is made on the device. On CUDA this is libtorch's own limit: one fraction
  // for all devices of the process, fixed when the first of them is opened. A limit that comes too late causes a
  // warning.
  void limit(c10::Device device);
  // Throws kMemory if weights of this size leave no room within the limit.
  void expect_room_for(int64_t weight_bytes) const;
  // On the device's thread, once the weights are loaded.
  void loaded(c10::Device device, int64_t weight_bytes);
  // On the device's thread: reads the figures of the device's allocator; does nothing on the CPU. The allocator is
  // locked while it waits for the device, so no other thread may query it.
  void look();
  // Returns memory that is kept for later tensors to the device, or to the system. On CUDA libtorch does this for all
  // devices at once and waits for each of them, so it is skipped if one hangs.
  void release_unused(c10::Device device);

  // On any thread. Current on the CPU; elsewhere as of the last start or end of a job.
  MemoryFigures figures() const;
  // Counts and limits the CPU tensors of the batches.
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
