#include "stream/device_stream.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <thread>
#include <utility>

#include "error.h"
#include "stream/hanging_devices.h"

namespace virnucpro {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::chrono::microseconds kMinSleep{50};
constexpr std::chrono::microseconds kMaxSleep{1000};
// The most that counts of the time between two looks: a process that is stopped and continued does not use up the
// deadline meanwhile.
constexpr Seconds kMaxBetweenLooks{1};
// CUDA queues about a thousand launches that have not begun; one more blocks the thread inside the driver, where no
// deadline applies. A mark is set after every layer, which is at most about forty launches.
constexpr size_t kMaxMarks = 16;

thread_local DeviceStream* current_stream = nullptr;

c10::impl::VirtualGuardImpl backend(c10::Device device) { return {device.type()}; }

}  // namespace

DeviceStream::DeviceStream(c10::Device device, const std::atomic<double>& deadline)
    : device_(device), deadline_(deadline) {
  if (!device.is_cpu()) {
    stream_ = backend(device).getStreamFromGlobalPool(device);
    previous_ = backend(device).exchangeStream(*stream_);
    memory_.emplace(*stream_);
  }
  current_stream = this;
}

DeviceStream::~DeviceStream() {
  current_stream = nullptr;
  if (previous_) backend(device_).exchangeStream(*previous_);
}

DeviceStream& DeviceStream::current() {
  TORCH_INTERNAL_ASSERT(current_stream != nullptr);
  return *current_stream;
}

DeviceEvent DeviceStream::record_event() const { return DeviceEvent(stream_); }

void DeviceStream::wait(const DeviceEvent& event) {
  wait_until([&] { return event.reached(); });
  look();
}

void DeviceStream::wait() { wait(record_event()); }

void DeviceStream::mark(std::function<void()> reached) {
  if (!stream_) {
    reached();
    return;
  }
  if (spare_.empty()) spare_.emplace_back(stream_->device_type(), c10::EventFlag::PYTORCH_DEFAULT);
  auto event = std::move(spare_.back());
  spare_.pop_back();
  event.record(*stream_);
  marks_.push_back({std::move(event), std::move(reached)});
  wait_until([&] {
    look();
    return marks_.size() < kMaxMarks;
  });
}

PageLockedMemory::Loan DeviceStream::borrow_memory() { return memory_ ? memory_->borrow() : nullptr; }

void DeviceStream::wait_until(const std::function<bool()>& reached) {
  if (lost_) std::rethrow_exception(lost_);
  auto sleep = kMinSleep;
  auto last = Clock::now();
  Seconds still{0};
  while (!reached()) {
    if (look()) {
      still = Seconds{0};
      sleep = kMinSleep;
    }
    std::this_thread::sleep_for(sleep);
    sleep = std::min(2 * sleep, kMaxSleep);
    const auto now = Clock::now();
    still += std::min<Seconds>(now - std::exchange(last, now), kMaxBetweenLooks);
    if (still.count() > deadline_) lose();
  }
}

bool DeviceStream::look() {
  bool any = false;
  while (!marks_.empty() && marks_.front().event.query()) {
    auto mark = std::move(marks_.front());
    marks_.pop_front();
    spare_.push_back(std::move(mark.event));
    mark.reached();
    any = true;
  }
  return any;
}

void DeviceStream::lose() {
  remember_hanging_device();
  memory_->give_up();
  std::ostringstream text;
  text << device_.str() << " stopped responding: no progress for " << deadline_.load() << " seconds (`deviceTimeout`). "
       << kAfterLoss;
  lost_ = std::make_exception_ptr(Error(code::kDeviceLost, text.str()));
  std::rethrow_exception(lost_);
}

}  // namespace virnucpro
