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
  // A wrong argument is none of the device's failures, and one without memory still answers.
  const auto described = describe_failure(failure);
  const std::string_view kind = described.code;
  if (kind == code::kArgument || kind == code::kMemory) return failure;
  try {
    probe_();
    return failure;
  } catch (...) {
    if (is_out_of_memory(std::current_exception())) return failure;
  }
  lost_ = std::make_exception_ptr(
      Error(code::kDeviceLost, "Expected " + device_ + " to answer but it failed for good: " +
                                   described.message.substr(0, described.message.find('\n')) +
                                   ". Start the process again; if it fails again, look at the device with nvidia-smi"));
  return lost_;
}

}  // namespace virnucpro
