#include "stream/device_event.h"

namespace virnucpro {

DeviceEvent::DeviceEvent(const std::optional<c10::Stream>& stream) : time_(std::chrono::steady_clock::now()) {
  if (!stream) return;
  // The backend's default events measure time; libtorch's default events do not.
  event_ = std::make_shared<c10::Event>(stream->device_type(), c10::EventFlag::BACKEND_DEFAULT);
  event_->record(*stream);
}

bool DeviceEvent::reached() const { return !event_ || event_->query(); }

double DeviceEvent::seconds_since(const DeviceEvent& earlier) const {
  if (!event_) return std::chrono::duration<double>(time_ - earlier.time_).count();
  constexpr double kMilliseconds = 1e-3;
  return earlier.event_->elapsedTime(*event_) * kMilliseconds;
}

}  // namespace virnucpro
