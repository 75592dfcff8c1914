#pragma once

#include <c10/core/Device.h>

#include <exception>
#include <string>

namespace virnucpro {

// Computes something tiny on the device, which also makes its context current on this thread. Throws what libtorch
// does.
void probe_device(c10::Device device);

// Distinguishes a failed job from a lost device. After some CUDA errors every further call on the device fails until
// the process ends, and a device that hangs never recovers. Used by the device's thread.
class DeviceHealth {
 public:
  explicit DeviceHealth(c10::Device device) : device_(device) {}

  // Throws kDeviceLost once the device is lost.
  void expect_alive() const;
  // The error for the caller of a job that failed with `failure`: the same one, or kDeviceLost if the failure says so
  // itself or `probe_device` fails as well.
  std::exception_ptr judge(const std::exception_ptr& failure);

 private:
  std::exception_ptr lose(const std::string& message);

  c10::Device device_;
  std::exception_ptr lost_;  // null while the device answers
};

}  // namespace virnucpro
