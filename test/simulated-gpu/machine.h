#pragma once

#include <cstddef>
#include <string>
#include <vector>

// The machine that is simulated: what the driver says of its GPUs, and how each of them behaves. The driver is the fake
// one of test/fixtures/fake-driver, whose settings (FAKE_…) count here too. Beyond those, from the environment:
//   SIMULATED_GPU_DELAY_US  mean delay of a kernel in microseconds, by GPU, e.g. 50,200; 50 unless told
//   SIMULATED_GPU_FAULTS    what is wrong with each GPU, e.g. none,lost@500: see Fault
//   SIMULATED_GPU_WITHOUT   protections that are taken out, e.g. event-wait,pinned-wait: see Protection
//   SIMULATED_GPU_REPORT    a file that the counts are written to when the process ends: see counters.h
namespace simulated {

enum class Fault {
  kNone,
  kLost,        // lost@N: the kernel after the first N fails, and from then on everything does
  kHangs,       // hangs@N: the kernel after the first N never ends
  kCrowded,     // crowded@N: cuBLAS finds no room for its own memory at the kernel after the first N
  kUnopenable,  // unopenable: no context can be made
  kTaken,       // taken: another process has it to itself
};

struct Gpu {
  int number = 0;       // in bus order, whichever are visible
  int capability = 90;  // 75 is 7.5
  size_t memory = 0;
  size_t free = 0;  // bytes that other processes have left
  int delay_us = 50;
  Fault fault = Fault::kNone;
  long fault_after = 0;  // kernels
};

// What keeps numbers right. A test takes one out to see that it notices.
enum class Protection {
  kEventWait,        // event-wait: waiting for an event waits
  kEventQuery,       // event-query: an event is ready when it is
  kStreamWait,       // stream-wait: a stream waits for an event of another
  kPinnedWait,       // pinned-wait: page-locked memory is used again when the device is through with it
  kRecordedStreams,  // recorded-streams: device memory that another stream uses is used again after that
  kMemoryShare,      // memory-share: no more is given out than the share that libtorch was told
};

// The GPUs that this process sees, by ordinal. Asks the driver once.
const std::vector<Gpu>& visible_gpus();

// cuDriverGetVersion: 13000 is CUDA 13.0.
int driver_cuda_version();

bool has(Protection protection);

}  // namespace simulated
