#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace simulated {

class Device;

// What an event waits for: a point in a stream that the device passes once.
class Completion {
 public:
  using Clock = std::chrono::steady_clock;

  void reach();
  void wait();
  bool reached() const;
  Clock::time_point time() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  Clock::time_point time_;
};

// Work in order, done late by the stream's own thread; two streams of a device are not ordered. Process-lifetime.
class Stream {
 public:
  Stream(Device& device, int64_t id);

  Device& device() const { return device_; }
  int64_t id() const { return id_; }

  // A kernel or a copy: late, counted, and not run on a failed device. Blocks while 1024 are pending, like CUDA.
  // `release` is called in either case.
  void launch(std::string name, std::function<void()> work, std::function<void()> release = {});

  // Work that is not the device's: runs even if the device failed, so that nobody waits for ever.
  void mark(std::function<void()> work);

  // Blocks until all work pushed so far is done; for ever if the device hangs.
  void drain();

 private:
  struct Item {
    std::string name;
    std::function<void()> work;
    std::function<void()> release;
    bool is_kernel;
  };

  void run();
  Item next();
  void compute(Item& item);

  Device& device_;
  const int64_t id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  size_t pending_kernels_ = 0;
  std::minstd_rand random_;
  std::thread thread_;
};

}  // namespace simulated
