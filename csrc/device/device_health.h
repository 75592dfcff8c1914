#pragma once

#include <exception>
#include <functional>
#include <string>

namespace virnucpro {

// Tells a job that failed from a device that is lost: after some errors (a CUDA error that stays) every further call on
// the device fails, for as long as the process lives; and one that hangs never comes back. Used by the device's thread.
class DeviceHealth {
 public:
  // `probe` computes something tiny on the device and throws when that fails.
  DeviceHealth(std::string device, std::function<void()> probe)
      : device_(std::move(device)), probe_(std::move(probe)) {}

  // Throws kDeviceLost once the device is lost.
  void expect_alive() const;
  // What the caller of a job that failed so is told: the same, or kDeviceLost when it says so itself or the probe fails
  // as well.
  std::exception_ptr judge(const std::exception_ptr& failure);

 private:
  std::exception_ptr lose(const std::string& message);

  std::string device_;
  std::function<void()> probe_;
  std::exception_ptr lost_;  // null as long as the device answers
};

}  // namespace virnucpro
