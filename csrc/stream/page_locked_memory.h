#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "stream/device_event.h"

namespace virnucpro {

// Host memory that a device reads and writes asynchronously. Each worker's thread has its own: libtorch's is shared by
// all devices, and none of it is reused while one device is behind. Taken per job: what one job takes is reused once
// the device has reached the end of that job's loan.
class PageLockedMemory {
 public:
  // Held while the job runs; the thread that took it gives it back.
  using Loan = std::shared_ptr<void>;

  explicit PageLockedMemory(c10::Stream stream) : stream_(stream) {}
  ~PageLockedMemory();
  PageLockedMemory(const PageLockedMemory&) = delete;
  PageLockedMemory& operator=(const PageLockedMemory&) = delete;

  // From here on memory is taken for another job. Throws the failure of the device.
  Loan borrow();
  // Only within a loan; takes from the latest one.
  at::Tensor take(at::IntArrayRef sizes, at::ScalarType type);
  // For a device that no longer answers: its memory is never freed, since the device may still write there.
  void give_up() { given_up_ = true; }

 private:
  // Everything that one job takes.
  struct Room {
    std::vector<at::Tensor> blocks;  // bytes
    size_t block = 0;                // the one that memory is taken from, after its first `used` bytes
    int64_t used = 0;
    std::optional<DeviceEvent> free_at;
  };

  void give_back(Room* room) noexcept;

  const c10::Stream stream_;
  bool given_up_ = false;
  Room* current_ = nullptr;
  std::vector<std::unique_ptr<Room>> unused_;  // reusable from `free_at` on
};

}  // namespace virnucpro
