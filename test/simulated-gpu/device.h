#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "machine.h"
#include "memory.h"
#include "stream.h"

namespace simulated {

// A GPU as libtorch sees it. Process-lifetime: its threads run until the process ends.
class Device {
 public:
  Device(int index, const Gpu& gpu);

  int index() const { return index_; }
  const Gpu& gpu() const { return gpu_; }
  DeviceMemory& memory() { return memory_; }

  // 0 is the default stream. @throws for an unknown id
  Stream& stream(int64_t id);
  Stream& new_stream();
  // One of 32 in rotation, as in libtorch.
  Stream& pooled_stream();

  // Blocks until every stream has finished.
  void drain();

  // Makes the context on the first call. @throws what the fault says, or the error that stays
  void open();
  // @throws the error that stays
  void expect_sound() const;
  // @throws if libtorch has no kernels for its capability
  void expect_kernels() const;
  // Called once for a crowded GPU. @throws like cuBLAS when it has no room for its own memory
  void expect_room_for_cublas();
  void fail(int error) { error_ = error; }
  int error() const { return error_; }
  bool is_open() const { return is_open_; }

  // Whether the next kernel is computed: not after the device failed. Never returns if the device hangs.
  bool admits_kernel();

  void was_busy(std::chrono::nanoseconds time) { busy_ += time.count(); }
  // Percent since the last call.
  int utilisation();
  size_t streams() const;

 private:
  const int index_;
  const Gpu gpu_;
  DeviceMemory memory_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::mutex pool_mutex_;
  std::vector<Stream*> pool_;
  size_t next_pooled_ = 0;
  std::atomic<bool> is_open_{false};
  std::atomic<int> error_{0};
  std::atomic<long> kernels_{0};
  std::atomic<bool> was_crowded_{false};
  std::atomic<int64_t> busy_{0};
  int64_t busy_when_asked_ = 0;
  std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
};

// 0 if the driver is too old for this libtorch.
int device_count();
// @throws for an unknown ordinal
Device& device(int index);

// Of the calling thread.
int current_device();
void set_current_device(int index);
Stream& current_stream(int index);
// Returns the previous one.
int64_t exchange_stream(int index, int64_t id);

}  // namespace simulated
