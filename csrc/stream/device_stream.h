#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <vector>

#include "stream/milestone.h"
#include "stream/page_locked_memory.h"

namespace virnucpro {

// What a worker's thread has on its device: a stream of its own, to which goes all that the thread gives the device as
// long as this stands, and the ways to wait for it. It waits by asking and sleeping: no core spins, and a device that
// hangs is waited for no longer than the deadline. The CPU is through with everything at once.
class DeviceStream {
 public:
  // On the worker's thread. `deadline`: the seconds for which the device may come to no mark and no milestone while it
  // is waited for; another thread may shorten it.
  DeviceStream(c10::Device device, const std::atomic<double>& deadline);
  ~DeviceStream();
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  // The calling thread's. There is one on every thread that gives work to a device.
  static DeviceStream& current();

  // A milestone behind all that was given to the device so far.
  Milestone milestone() const;
  // Returns when the device has come there. Throws kDeviceLost past the deadline and ever after, and what the device's
  // work failed with.
  void wait(const Milestone& milestone);
  // Waits for all that was given to the device.
  void wait();

  // Marks a place in the same way, cheaply; `reached` is called on this thread, within a later call, once the device
  // has come there. Waits where the device is far behind. Throws as `wait`.
  void mark(std::function<void()> reached);

  // For a job: the memory for its copies, held as long as it is at work.
  PageLockedMemory::Loan borrow_memory();
  // Within a loan, not on the CPU.
  at::Tensor page_locked(at::IntArrayRef sizes, at::ScalarType type) { return memory_->take(sizes, type); }

 private:
  struct Mark {
    c10::Event event;
    std::function<void()> reached;
  };

  void wait_until(const std::function<bool()>& reached);
  // Whether the device came to a mark.
  bool look();
  [[noreturn]] void lose();

  const c10::Device device_;
  const std::atomic<double>& deadline_;
  // None on the CPU.
  std::optional<c10::Stream> stream_;
  std::optional<c10::Stream> previous_;  // the thread's before
  std::optional<PageLockedMemory> memory_;
  std::deque<Mark> marks_;  // that the device has not come to yet
  std::vector<c10::Event> spare_;
  std::exception_ptr lost_;  // null as long as it answers
};

}  // namespace virnucpro
