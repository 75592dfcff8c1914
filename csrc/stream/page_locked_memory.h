#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "stream/device_event.h"

namespace virnucpro {

// Memory on the host that a device reads and writes by itself while the thread goes on. Each worker's thread has its
// own, because libtorch's, one for all devices, stops using anything again at the first device that is behind. Taken by
// job: what one job takes is used again when the device has reached the end of that job's loan.
class PageLockedMemory {
 public:
  // Held as long as the job is at work; the thread that took it gives it back.
  using Loan = std::shared_ptr<void>;

  explicit PageLockedMemory(c10::Stream stream) : stream_(stream) {}
  ~PageLockedMemory();
  PageLockedMemory(const PageLockedMemory&) = delete;
  PageLockedMemory& operator=(const PageLockedMemory&) = delete;

  // From here on memory is taken for another job. Throws what the device failed with.
  Loan borrow();
  // Within a loan: the latest one's.
  at::Tensor take(at::IntArrayRef sizes, at::ScalarType type);
  // For a device that does not answer any more: its memory stays taken, since it may yet write there.
  void give_up() { given_up_ = true; }

 private:
  // All that one job takes.
  struct Room {
    std::vector<at::Tensor> blocks;  // bytes
    size_t block = 0;                // from which memory is taken, behind its first `used` bytes
    int64_t used = 0;
    std::optional<DeviceEvent> free_at;
  };

  void give_back(Room* room) noexcept;

  const c10::Stream stream_;
  bool given_up_ = false;
  Room* current_ = nullptr;
  std::vector<std::unique_ptr<Room>> unused_;  // used again from `free_at` on
};

}  // namespace virnucpro
