#include "stream.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <iostream>
#include <memory>
#include <utility>

#include "device.h"
#include "errors.h"

namespace simulated {

namespace {

constexpr size_t kMostPending = 1024;

}  // namespace

void Completion::reach() {
  const std::lock_guard<std::mutex> lock(mutex_);
  reached_ = true;
  time_ = Clock::now();
  changed_.notify_all();
}

void Completion::wait() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return reached_; });
}

bool Completion::reached() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return reached_;
}

Completion::Clock::time_point Completion::time() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return time_;
}

Stream::Stream(Device& device, int64_t id)
    : device_(device),
      id_(id),
      random_(static_cast<unsigned>(1 + device.index() + 100 * id)),
      thread_([this] { run(); }) {}

void Stream::launch(std::string name, std::function<void()> work, std::function<void()> release) {
  device_.expect_sound();
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return pending_kernels_ < kMostPending; });
  ++pending_kernels_;
  items_.push_back({std::move(name), std::move(work), std::move(release), true});
  changed_.notify_all();
}

void Stream::mark(std::function<void()> work) {
  const std::lock_guard<std::mutex> lock(mutex_);
  items_.push_back({"", std::move(work), {}, false});
  changed_.notify_all();
}

void Stream::drain() {
  const auto end = std::make_shared<Completion>();
  mark([end] { end->reach(); });
  end->wait();
  device_.expect_sound();
}

void Stream::run() {
  // Results must not depend on how many threads compute a sum.
  at::set_num_threads(1);
  const c10::InferenceMode inference;
  for (;;) {
    auto item = next();
    if (item.is_kernel) {
      compute(item);
    } else {
      item.work();
    }
    const bool was_kernel = item.is_kernel;
    // Frees what the work holds before anyone learns that it is done.
    item = {};
    const std::lock_guard<std::mutex> lock(mutex_);
    if (was_kernel) --pending_kernels_;
    changed_.notify_all();
  }
}

Stream::Item Stream::next() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return !items_.empty(); });
  auto item = std::move(items_.front());
  items_.pop_front();
  return item;
}

void Stream::compute(Item& item) {
  const auto start = Completion::Clock::now();
  const int mean = device_.gpu().delay_us;
  if (mean > 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution<int>(0, 2 * mean)(random_)));
  }
  if (device_.admits_kernel()) {
    try {
      item.work();
    } catch (const std::exception& error) {
      std::cerr << "simulated GPU " << device_.gpu().number << ": " << item.name << " failed: " << error.what() << "\n";
      device_.fail(kIllegalAddress);
    }
  }
  if (item.release) item.release();
  device_.was_busy(Completion::Clock::now() - start);
}

}  // namespace simulated
