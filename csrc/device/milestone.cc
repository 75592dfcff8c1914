#include "device/milestone.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace virnucpro {

Milestone::Milestone(c10::Device device) : device_(device), time_(std::chrono::steady_clock::now()) {
  if (device.is_cpu()) return;
  // The backend's own default measures time; libtorch's does not.
  event_ = std::make_shared<c10::Event>(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  event_->record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

void Milestone::wait() const {
  if (event_) event_->synchronize();
}

bool Milestone::reached() const {
  if (!event_) return true;
  // Other threads ask than the device's own, and CUDA may make a context on whichever device is the thread's.
  const c10::DeviceGuard guard(device_);
  return event_->query();
}

double Milestone::seconds_since(const Milestone& earlier) const {
  if (!event_) return std::chrono::duration<double>(time_ - earlier.time_).count();
  constexpr double kMilliseconds = 1e-3;
  return earlier.event_->elapsedTime(*event_) * kMilliseconds;
}

}  // namespace virnucpro
