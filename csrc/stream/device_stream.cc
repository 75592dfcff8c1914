#include "stream/device_stream.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "error.h"

namespace virnucpro {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kShortestSleep{50};
constexpr std::chrono::microseconds kLongestSleep{1000};
// What counts of the time between two looks: whoever stops the process and lets it go on finds the device as it was.
constexpr DeviceStream::Seconds kMostBetweenLooks{1};
// CUDA takes about a thousand launches that have not begun; one more blocks the thread inside the driver, where no
// deadline reaches it. A mark is set for every layer, which is at most some forty of them.
constexpr size_t kMostMarks = 16;

thread_local DeviceStream* current_stream = nullptr;

c10::impl::VirtualGuardImpl backend(c10::Device device) { return {device.type()}; }

}  // namespace

DeviceStream::DeviceStream(c10::Device device, Seconds deadline) : device_(device), deadline_(deadline) {
  if (!device.is_cpu()) {
    stream_ = backend(device).getStream(device);
  }
  current_stream = this;
}

DeviceStream::~DeviceStream() { current_stream = nullptr; }

DeviceStream& DeviceStream::current() {
  TORCH_INTERNAL_ASSERT(current_stream != nullptr);
  return *current_stream;
}

Milestone DeviceStream::milestone() const { return Milestone(stream_); }

void DeviceStream::wait(const Milestone& milestone) {
  wait_until([&] { return milestone.reached(); });
  look();
}

void DeviceStream::wait() { wait(milestone()); }

void DeviceStream::mark(std::function<void()> reached) {
  if (!stream_) {
    reached();
    return;
  }
  if (spare_.empty()) spare_.emplace_back(stream_->device_type(), c10::EventFlag::PYTORCH_DEFAULT);
  marks_.push_back({std::move(spare_.back()), std::move(reached)});
  spare_.pop_back();
  marks_.back().event.record(*stream_);
  wait_until([&] {
    look();
    return marks_.size() < kMostMarks;
  });
}

void DeviceStream::wait_until(const std::function<bool()>& reached) {
  auto sleep = kShortestSleep;
  auto last = Clock::now();
  Seconds still{0};
  while (!reached()) {
    if (look()) {
      still = Seconds{0};
      sleep = kShortestSleep;
    }
    std::this_thread::sleep_for(sleep);
    sleep = std::min(2 * sleep, kLongestSleep);
    const auto now = Clock::now();
    still += std::min<Seconds>(now - std::exchange(last, now), kMostBetweenLooks);
    if (still > deadline_) lose();
  }
}

bool DeviceStream::look() {
  bool any = false;
  while (!marks_.empty() && marks_.front().event.query()) {
    marks_.front().reached();
    spare_.push_back(std::move(marks_.front().event));
    marks_.pop_front();
    any = true;
  }
  return any;
}

void DeviceStream::lose() { throw Error(code::kDeviceLost, device_.str() + " stopped answering"); }

}  // namespace virnucpro
