#include "device/device_health.h"

#include <ATen/ops/ones.h>

#include <string_view>

#include "error.h"
#include "failure_description.h"
#include "model/host_memory.h"

namespace virnucpro {

void probe_device(c10::Device device) { fetched(at::ones({1}, at::TensorOptions(device)).add_(1)); }

void DeviceHealth::expect_alive() const {
  if (lost_) std::rethrow_exception(lost_);
}

std::exception_ptr DeviceHealth::judge(const std::exception_ptr& failure) {
  if (lost_) return lost_;
  const auto described = describe_failure(failure);
  const std::string_view kind = described.code;
  // A wrong argument is not a failure of the device, and a device that is out of memory still answers.
  if (kind == code::kArgument || kind == code::kMemory) return failure;
  if (kind == code::kDeviceLost) return lose(described.message);
  try {
    probe_device(device_);
    return failure;
  } catch (...) {
    const auto probed = describe_failure(std::current_exception());
    const std::string_view answer = probed.code;
    if (answer == code::kMemory) return failure;
    if (answer == code::kDeviceLost) return lose(probed.message);
  }
  return lose(device_.str() + " failed permanently: " + first_line(described.message) + ". " + kAfterLoss);
}

std::exception_ptr DeviceHealth::lose(const std::string& message) {
  lost_ = std::make_exception_ptr(Error(code::kDeviceLost, message));
  return lost_;
}

}  // namespace virnucpro
