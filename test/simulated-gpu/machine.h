#pragma once

#include <cstddef>
#include <string>
#include <vector>

// The simulated machine: its GPUs according to the driver, and how each of them behaves. The driver is the fake one of
// test/fixtures/fake-driver, whose settings (FAKE_…) apply here too. In addition, from the environment:
//   SIMULATED_GPU_DELAY_US  mean delay of a kernel in microseconds, by GPU, e.g. 50,200; default 50
//   SIMULATED_GPU_FAULTS    the fault of each GPU, e.g. none,lost@500: see Fault
//   SIMULATED_GPU_WITHOUT   protections to remove, e.g. event-wait,pinned-wait: see Protection
//   SIMULATED_GPU_REPORT    a file for the counts, written when the process ends: see counters.h
namespace simulated {

enum class Fault {
  kNone,
  kLost,        // lost@N: the kernel after the first N fails, and everything after it
  kHangs,       // hangs@N: the kernel after the first N never ends
  kCrowded,     // crowded@N: cuBLAS finds no room for its own memory at the kernel after the first N
  kUnopenable,  // unopenable: no context can be made
  kTaken,       // taken: another process uses it exclusively
};

struct Gpu {
  int number = 0;       // in bus order, visible or not
  int capability = 90;  // 75 is 7.5
  size_t memory = 0;
  size_t free = 0;  // bytes that other processes leave
  int delay_us = 50;
  Fault fault = Fault::kNone;
  long fault_after = 0;  // kernels
};

// What keeps results correct. A test removes one to check that it notices.
enum class Protection {
  kEventWait,        // event-wait: waiting for an event waits
  kEventQuery,       // event-query: an event is ready only when it was reached
  kStreamWait,       // stream-wait: a stream waits for an event of another
  kPinnedWait,       // pinned-wait: page-locked memory is reused only when the device is done with it
  kRecordedStreams,  // recorded-streams: device memory that another stream uses is reused only after that use
  kMemoryShare,      // memory-share: no more memory is allocated than the fraction set for libtorch
};

// The GPUs visible to this process, by ordinal. Asks the driver once.
const std::vector<Gpu>& visible_gpus();

// cuDriverGetVersion: 13000 is CUDA 13.0.
int driver_cuda_version();

bool has(Protection protection);

}  // namespace simulated
