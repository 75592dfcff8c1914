#pragma once

#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <chrono>
#include <memory>
#include <optional>

namespace virnucpro {

// A point in a device's work, and when the device reached it, having done everything that the thread gave it before.
// The CPU reaches it at once. Used by the thread that recorded it.
class DeviceEvent {
 public:
  // Records it on `stream`, which is empty on the CPU.
  explicit DeviceEvent(const std::optional<c10::Stream>& stream);

  // Does not wait. Throws the failure of the device's work, if any.
  bool reached() const;
  // Both must have been reached.
  double seconds_since(const DeviceEvent& earlier) const;

 private:
  std::chrono::steady_clock::time_point time_;
  std::shared_ptr<c10::Event> event_;  // null on the CPU
};

}  // namespace virnucpro
