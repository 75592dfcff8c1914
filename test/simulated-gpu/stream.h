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

// What an event waits for: a place in a stream that the device comes by once.
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

// Work in its order, done late by a thread of its own: two streams of a device run as they come. Never destroyed.
class Stream {
 public:
  Stream(Device& device, int64_t id);

  Device& device() const { return device_; }
  int64_t id() const { return id_; }

  // A kernel or a copy: late, counted, and never run on a device that failed. Blocks while 1024 are pending, as CUDA
  // does. `release` is called in either case.
  void launch(std::string name, std::function<void()> work, std::function<void()> release = {});

  // What is not the device's work: runs even when the device failed, so that nobody waits for ever.
  void mark(std::function<void()> work);

  // Blocks until all that was pushed so far is done: for ever where the device hangs.
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
