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

// A worker thread's stream on its device: receives everything that the thread gives the device while this exists, and
// waits for it. It waits by polling and sleeping: no core spins, and a hanging device is waited for no longer than the
// deadline. On the CPU everything is done at once.
class DeviceStream {
 public:
  // On the worker's thread. `deadline`: for how many seconds the device may reach neither a mark nor an event while it
  // is waited for; another thread may shorten it.
  DeviceStream(c10::Device device, const std::atomic<double>& deadline);
  ~DeviceStream();
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  // The calling thread's stream. Every thread that gives work to a device has one.
  static DeviceStream& current();

  // An event after everything that was given to the device so far.
  DeviceEvent record_event() const;
  // Returns once the device has reached the event. Throws kDeviceLost past the deadline and in every later call, and
  // the failure of the device's work.
  void wait(const DeviceEvent& event);
  // Waits for everything that was given to the device.
  void wait();

  // Marks a point cheaply; `reached` is called on this thread, within a later call, once the device has reached it.
  // Waits if the device is far behind. Throws as `wait` does.
  void mark(std::function<void()> reached);

  // The memory for a job's copies; the job holds it while it runs.
  PageLockedMemory::Loan borrow_memory();
  // Only within a loan, and not on the CPU.
  at::Tensor page_locked(at::IntArrayRef sizes, at::ScalarType type) { return memory_->take(sizes, type); }

 private:
  struct Mark {
    c10::Event event;
    std::function<void()> reached;
  };

  void wait_until(const std::function<bool()>& reached);
  // Calls `reached` for the marks that the device has reached; returns whether there were any.
  bool look();
  [[noreturn]] void lose();

  const c10::Device device_;
  const std::atomic<double>& deadline_;
  // Empty on the CPU.
  std::optional<c10::Stream> stream_;
  std::optional<c10::Stream> previous_;  // the thread's previous stream
  std::optional<PageLockedMemory> memory_;
  std::deque<Mark> marks_;  // that the device has not reached yet
  std::vector<c10::Event> spare_;
  std::exception_ptr lost_;  // null while the device answers
};

}  // namespace virnucpro
