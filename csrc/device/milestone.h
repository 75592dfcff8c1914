#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <chrono>
#include <memory>

namespace virnucpro {

// A place in what a device was told to do: on the CPU the moment at which it is set; on another device the moment at
// which the device has done all that the thread gave it before.
class Milestone {
 public:
  explicit Milestone(c10::Device device);

  // Returns when the device has come here. Throws what the device's work failed with.
  void wait() const;
  // Whether the device has come here; does not wait. Throws as `wait` does.
  bool reached() const;
  // Both must have been waited for.
  double seconds_since(const Milestone& earlier) const;

 private:
  c10::Device device_;
  std::chrono::steady_clock::time_point time_;
  std::shared_ptr<c10::Event> event_;  // null on the CPU
};

}  // namespace virnucpro
