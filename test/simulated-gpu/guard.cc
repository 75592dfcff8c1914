// Devices, streams and events, through libtorch's interface.
#include <c10/core/Allocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/Exception.h>

#include <chrono>
#include <memory>

#include "device.h"
#include "errors.h"

namespace simulated {

namespace {

// An event's latest recording.
struct Event {
  std::shared_ptr<Completion> recorded;
};

Event& event_of(void* event) { return *static_cast<Event*>(event); }

class Guard final : public c10::impl::DeviceGuardImplInterface {
 public:
  c10::DeviceType type() const override { return c10::kCUDA; }

  c10::Device exchangeDevice(c10::Device device) const override {
    const auto before = getDevice();
    if (device.index() != before.index()) setDevice(device);
    return before;
  }
  c10::Device getDevice() const override { return of(current_device()); }
  void setDevice(c10::Device device) const override {
    if (!device.has_index()) return;
    // Since CUDA 12, setting the device makes its context.
    simulated::device(device.index()).open();
    set_current_device(device.index());
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override { set_current_device(device.index()); }
  c10::DeviceIndex deviceCount() const noexcept override { return static_cast<c10::DeviceIndex>(device_count()); }

  c10::Stream getStream(c10::Device device) const override { return of(current_stream(index_of(device))); }
  c10::Stream getDefaultStream(c10::Device device) const override {
    return of(simulated::device(index_of(device)).stream(0));
  }
  c10::Stream getNewStream(c10::Device device, int /*priority*/) const override {
    return of(opened(device).new_stream());
  }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool /*high_priority*/) const override {
    return of(opened(device).pooled_stream());
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    const auto before = exchange_stream(stream.device_index(), stream.id());
    return c10::Stream(c10::Stream::UNSAFE, stream.device(), before);
  }
  // As in CUDA, the default stream's handle is null.
  void* getStreamNativeHandle(const c10::Stream stream) const override {
    return stream.id() == 0 ? nullptr : &simulated_stream(stream);
  }
  bool queryStream(const c10::Stream& stream) const override {
    const auto end = std::make_shared<Completion>();
    simulated_stream(stream).mark([end] { end->reach(); });
    return end->reached();
  }
  void synchronizeStream(const c10::Stream& stream) const override { simulated_stream(stream).drain(); }
  void synchronizeDevice(const c10::DeviceIndex index) const override { simulated::device(index).drain(); }
  void recordDataPtrOnStream(const c10::DataPtr& pointer, const c10::Stream& stream) const override {
    simulated::device(stream.device_index()).memory().record(pointer.get(), stream.id());
  }

  void record(void** event, const c10::Stream& stream, const c10::DeviceIndex /*device*/,
              const c10::EventFlag /*flag*/) const override {
    auto& device = simulated::device(stream.device_index());
    device.open();
    if (*event == nullptr) *event = new Event();
    const auto recorded = std::make_shared<Completion>();
    event_of(*event).recorded = recorded;
    simulated_stream(stream).mark([recorded] { recorded->reach(); });
  }
  void block(void* event, const c10::Stream& stream) const override {
    if (event == nullptr || !has(Protection::kStreamWait)) return;
    simulated_stream(stream).mark([recorded = event_of(event).recorded] { recorded->wait(); });
  }
  bool queryEvent(void* event) const override {
    if (event == nullptr || !has(Protection::kEventQuery)) return true;
    simulated::device(current_device()).expect_sound();
    return event_of(event).recorded->reached();
  }
  void synchronizeEvent(void* event) const override {
    if (event == nullptr || !has(Protection::kEventWait)) return;
    event_of(event).recorded->wait();
    simulated::device(current_device()).expect_sound();
  }
  void destroyEvent(void* event, const c10::DeviceIndex /*device*/) const noexcept override {
    delete static_cast<Event*>(event);
  }
  // Milliseconds.
  double elapsedTime(void* earlier, void* later, const c10::DeviceIndex device) const override {
    simulated::device(device).expect_sound();
    const auto& [from, to] = std::pair(event_of(earlier).recorded, event_of(later).recorded);
    TORCH_CHECK(from->reached() && to->reached(), "Both events must be completed before calculating elapsed time.");
    return std::chrono::duration<double, std::milli>(to->time() - from->time()).count();
  }

 private:
  static c10::Device of(int index) { return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)}; }
  static c10::Stream of(Stream& stream) {
    return c10::Stream(c10::Stream::UNSAFE, of(stream.device().index()), stream.id());
  }
  static int index_of(c10::Device device) { return device.has_index() ? device.index() : current_device(); }
  static Device& opened(c10::Device device) {
    auto& found = simulated::device(index_of(device));
    found.open();
    return found;
  }
  static Stream& simulated_stream(const c10::Stream& stream) {
    return simulated::device(stream.device_index()).stream(stream.id());
  }
};

const c10::impl::DeviceGuardImplRegistrar registrar(c10::kCUDA, new Guard());

}  // namespace

}  // namespace simulated
