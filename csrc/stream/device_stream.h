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

#include "stream/device_event.h"
#include "stream/page_locked_memory.h"

namespace virnucpro {

// A worker thread's stream on its device: takes all that the thread gives the device while this exists, and waits for
// it. It waits by polling and sleeping: no core spins, and a device that hangs is waited for no longer than the
// deadline. The CPU is done with everything at once.
class DeviceStream {
 public:
  // On the worker's thread. `deadline`: the seconds for which the device may reach no mark and no event while it is
  // waited for; another thread may shorten it.
  DeviceStream(c10::Device device, const std::atomic<double>& deadline);
  ~DeviceStream();
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  // The calling thread's. There is one on every thread that gives work to a device.
  static DeviceStream& current();

  // An event behind all that was given to the device so far.
  DeviceEvent record_event() const;
  // Returns when the device has reached the event. Throws kDeviceLost past the deadline and ever after, and what the
  // device's work failed with.
  void wait(const DeviceEvent& event);
  // Waits for all that was given to the device.
  void wait();

  // Marks a point cheaply; `reached` is called on this thread, within a later call, once the device has reached it.
  // Waits where the device is far behind. Throws as `wait`.
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
  // Calls what the device has reached; whether there was any.
  bool look();
  [[noreturn]] void lose();

  const c10::Device device_;
  const std::atomic<double>& deadline_;
  // None on the CPU.
  std::optional<c10::Stream> stream_;
  std::optional<c10::Stream> previous_;  // the thread's before
  std::optional<PageLockedMemory> memory_;
  std::deque<Mark> marks_;  // that the device has not reached yet
  std::vector<c10::Event> spare_;
  std::exception_ptr lost_;  // null as long as it answers
};

}  // namespace virnucpro
