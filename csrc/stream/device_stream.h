#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "stream/milestone.h"

namespace virnucpro {

// What a worker's thread has on its device: the stream to which goes all that the thread gives the device, and the ways
// to wait for it. It waits by asking and sleeping: no core spins, and a device that
// hangs is waited for no longer than the deadline. The CPU is through with everything at once.
class DeviceStream {
 public:
  using Seconds = std::chrono::duration<double>;

  // On the worker's thread. `deadline`: how long the device may come to no mark and no milestone while it is waited
  // for.
  DeviceStream(c10::Device device, Seconds deadline);
  ~DeviceStream();
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  // The calling thread's. There is one on every thread that gives work to a device.
  static DeviceStream& current();

  // A milestone behind all that was given to the device so far.
  Milestone milestone() const;
  // Returns when the device has come there. Throws kDeviceLost past the deadline, and what the device's work failed
  // with.
  void wait(const Milestone& milestone);
  // Waits for all that was given to the device.
  void wait();

  // Marks a place in the same way, cheaply; `reached` is called on this thread, within a later call, once the device
  // has come there. Waits where the device is far behind. Throws as `wait`.
  void mark(std::function<void()> reached);

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
  const Seconds deadline_;
  std::optional<c10::Stream> stream_;  // none on the CPU
  std::deque<Mark> marks_;             // that the device has not come to yet
  std::vector<c10::Event> spare_;
};

}  // namespace virnucpro
