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

// One GPU as libtorch sees it. Never destroyed: its threads run until the process ends.
class Device {
 public:
  Device(int index, const Gpu& gpu);

  int index() const { return index_; }
  const Gpu& gpu() const { return gpu_; }
  DeviceMemory& memory() { return memory_; }

  // 0 is the default stream. @throws for one that there is not
  Stream& stream(int64_t id);
  Stream& new_stream();
  // One of 32, in turn, as libtorch hands them out.
  Stream& pooled_stream();

  // Blocks until every stream is through.
  void drain();

  // Makes the context when called first. @throws what the fault says, or the error that stays
  void open();
  // @throws the error that stays
  void expect_sound() const;
  // @throws where libtorch has no kernels for its capability
  void expect_kernels() const;
  // Once for a GPU that is crowded. @throws as cuBLAS does where it has no room for its own memory
  void expect_room_for_cublas();
  void fail(int error) { error_ = error; }
  int error() const { return error_; }
  bool is_open() const { return is_open_; }

  // Whether the next kernel is computed: not after the device failed. Never returns when the device hangs.
  bool admits_kernel();

  void was_busy(std::chrono::nanoseconds time) { busy_ += time.count(); }
  // 0 to 100 since this was last asked.
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

// None where the driver is too old for this libtorch.
int device_count();
// @throws for an ordinal that there is not
Device& device(int index);

// Of the calling thread.
int current_device();
void set_current_device(int index);
Stream& current_stream(int index);
// Returns the one that was.
int64_t exchange_stream(int index, int64_t id);

}  // namespace simulated
