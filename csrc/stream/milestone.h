#pragma once

#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <chrono>
#include <memory>
#include <optional>

namespace virnucpro {

// A place in what a device was told to do, and when it came there: on the CPU the moment at which it is set; on another
// device the moment at which the device has done all that the thread gave it before. Used by the thread that set it.
class Milestone {
 public:
  // `stream`: none on the CPU.
  explicit Milestone(const std::optional<c10::Stream>& stream);

  // Whether the device has come here; does not wait. Throws what the device's work failed with.
  bool reached() const;
  // Both must have been reached.
  double seconds_since(const Milestone& earlier) const;

 private:
  std::chrono::steady_clock::time_point time_;
  std::shared_ptr<c10::Event> event_;  // null on the CPU
};

}  // namespace virnucpro
