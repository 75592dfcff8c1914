#include "machine.h"

#include <dlfcn.h>

#include <algorithm>
#include <sstream>

// Two C libraries include it too, and none of the three calls everything in it.
#pragma GCC diagnostic ignored "-Wunused-function"
#include "../fixtures/fake-driver/machine.h"

namespace simulated {

namespace {

template <typename Function>
Function* driver_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

// Empty if the list is shorter.
std::string entry_of(const char* list, int index) {
  const char* text = entry(list, index);
  return text == nullptr ? "" : std::string(text, strcspn(text, ","));
}

void set_fault(Gpu& gpu, const std::string& text) {
  const auto at = text.find('@');
  const auto kind = text.substr(0, at);
  if (at != std::string::npos) gpu.fault_after = atol(text.c_str() + at + 1);
  if (kind == "lost") gpu.fault = Fault::kLost;
  if (kind == "hangs") gpu.fault = Fault::kHangs;
  if (kind == "crowded") gpu.fault = Fault::kCrowded;
  if (kind == "unopenable") gpu.fault = Fault::kUnopenable;
  if (kind == "taken") gpu.fault = Fault::kTaken;
}

Gpu describe(int number) {
  Gpu gpu;
  gpu.number = number;
  gpu.capability = capability(number);
  if (auto* total = driver_function<int(size_t*, int)>("cuDeviceTotalMem_v2")) total(&gpu.memory, number);
  const auto size = static_cast<unsigned long long>(number + 1);
  gpu.free = std::min<size_t>(gpu.memory, listed_gib(setting("FAKE_FREE"), number, 10 * GIB * size));
  gpu.delay_us = listed(setting("SIMULATED_GPU_DELAY_US"), number, gpu.delay_us);
  set_fault(gpu, entry_of(setting("SIMULATED_GPU_FAULTS"), number));
  return gpu;
}

std::vector<Gpu> ask_driver() {
  auto* init = driver_function<int(unsigned)>("cuInit");
  auto* count = driver_function<int(int*)>("cuDeviceGetCount");
  auto* get = driver_function<int(int*, int)>("cuDeviceGet");
  std::vector<Gpu> gpus;
  int devices = 0;
  if (init == nullptr || count == nullptr || get == nullptr || init(0) != 0 || count(&devices) != 0) return gpus;
  for (int ordinal = 0; ordinal < devices; ++ordinal) {
    int number = 0;
    if (get(&number, ordinal) == 0) gpus.push_back(describe(number));
  }
  return gpus;
}

const char* name_of(Protection protection) {
  switch (protection) {
    case Protection::kEventWait:
      return "event-wait";
    case Protection::kEventQuery:
      return "event-query";
    case Protection::kStreamWait:
      return "stream-wait";
    case Protection::kPinnedWait:
      return "pinned-wait";
    case Protection::kRecordedStreams:
      return "recorded-streams";
    case Protection::kMemoryShare:
      return "memory-share";
  }
  return "";
}

}  // namespace

const std::vector<Gpu>& visible_gpus() {
  static const auto* gpus = new std::vector<Gpu>(ask_driver());
  return *gpus;
}

int driver_cuda_version() { return cuda_version(); }

bool has(Protection protection) {
  static const std::string without = std::string(",") + setting("SIMULATED_GPU_WITHOUT") + ",";
  return without.find(std::string(",") + name_of(protection) + ",") == std::string::npos;
}

}  // namespace simulated
