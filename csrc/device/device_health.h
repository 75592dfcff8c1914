#pragma once

#include <exception>
#include <functional>
#include <string>

namespace virnucpro {

// Distinguishes a failed job from a lost device. After some CUDA errors every further call on the device fails until
// the process ends, and a device that hangs never recovers. Used by the device's thread.
class DeviceHealth {
 public:
  // `probe` computes something tiny on the device and throws when that fails.
  DeviceHealth(std::string device, std::function<void()> probe)
      : device_(std::move(device)), probe_(std::move(probe)) {}

  // Throws kDeviceLost once the device is lost.
  void expect_alive() const;
  // The error for the caller of a job that failed with `failure`: the same one, or kDeviceLost if the failure says so
  // itself or the probe fails as well.
  std::exception_ptr judge(const std::exception_ptr& failure);

 private:
  std::exception_ptr lose(const std::string& message);

  std::string device_;
  std::function<void()> probe_;
  std::exception_ptr lost_;  // null while the device answers
};

}  // namespace virnucpro
