#include "device/device_health.h"

#include <string_view>

#include "error.h"
#include "failure_description.h"

namespace virnucpro {

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
    probe_();
    return failure;
  } catch (...) {
    const auto probed = describe_failure(std::current_exception());
    const std::string_view answer = probed.code;
    if (answer == code::kMemory) return failure;
    if (answer == code::kDeviceLost) return lose(probed.message);
  }
  return lose(device_ + " failed permanently: " + first_line(described.message) + ". " + kAfterLoss);
}

std::exception_ptr DeviceHealth::lose(const std::string& message) {
  lost_ = std::make_exception_ptr(Error(code::kDeviceLost, message));
  return lost_;
}

}  // namespace virnucpro
