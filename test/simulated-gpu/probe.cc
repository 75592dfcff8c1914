// A program that uses simulated GPUs as the engine uses real ones, with and without care: `probe SCENARIO...` prints
// for each scenario whether its numbers are right. Without the protections (SIMULATED_GPU_WITHOUT) they are not.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Event.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>

namespace {

constexpr int64_t kValues = 1024;
// Enough that a device stays behind its host for a while.
constexpr int kKernels = 40;

const c10::Device gpu(c10::kCUDA, 0);

c10::impl::VirtualGuardImpl guard() { return c10::impl::VirtualGuardImpl(c10::kCUDA); }

at::Tensor page_locked(float value) {
  return at::empty({kValues}, at::TensorOptions(at::kFloat).pinned_memory(true)).fill_(value);
}

at::Tensor busy_until(float value) {
  auto tensor = at::full({kValues}, value - kKernels, at::TensorOptions(gpu));
  for (int i = 0; i < kKernels; ++i) tensor.add_(1);
  return tensor;
}

bool is_all(const at::Tensor& host, float value) {
  const auto* values = host.const_data_ptr<float>();
  for (int64_t i = 0; i < kValues; ++i) {
    if (values[i] != value) return false;
  }
  return true;
}

c10::Event recorded() {
  c10::Event event(c10::kCUDA);
  event.record(guard().getStream(gpu));
  return event;
}

bool wait_for_event() {
  auto host = page_locked(0);
  host.copy_(busy_until(7), /*non_blocking=*/true);
  recorded().synchronize();
  return is_all(host, 7);
}

bool poll_event() {
  auto host = page_locked(0);
  host.copy_(busy_until(7), /*non_blocking=*/true);
  const auto event = recorded();
  while (!event.query()) std::this_thread::yield();
  return is_all(host, 7);
}

bool read_too_early() {
  auto host = page_locked(0);
  host.copy_(busy_until(7), /*non_blocking=*/true);
  return is_all(host, 7);
}

// The memory is freed while the device has yet to read it, and allocated again at once.
bool reuse_page_locked() {
  busy_until(7);
  auto host = page_locked(5);
  const auto on_device = host.to(gpu, /*non_blocking=*/true);
  host = at::Tensor();
  page_locked(6);
  return is_all(on_device.cpu(), 5);
}

bool wait_for_stream() {
  const auto other = guard().getStreamFromGlobalPool(gpu, false);
  const auto tensor = busy_until(7);
  const auto event = recorded();
  const c10::StreamGuard on_other(other);
  event.block(other);
  return is_all(tensor.add(1).cpu(), 8);
}

bool use_on_another_stream(bool is_recorded) {
  const auto other = guard().getStreamFromGlobalPool(gpu, false);
  auto tensor = at::full({kValues}, 7.0, at::TensorOptions(gpu));
  recorded().synchronize();
  at::Tensor result;
  {
    const c10::StreamGuard on_other(other);
    busy_until(1);
    result = tensor.add(1);
  }
  if (is_recorded) c10::getDeviceAllocator(c10::kCUDA)->recordStream(tensor.storage().data_ptr(), other);
  tensor = at::Tensor();
  const auto next = at::full({kValues}, 100.0, at::TensorOptions(gpu));
  recorded().synchronize();
  const c10::StreamGuard on_other(other);
  return is_all(result.cpu(), 8);
}

bool read_on_host() { return *static_cast<const volatile float*>(at::ones({kValues}, gpu).const_data_ptr()) == 1; }

bool write_on_host() {
  std::memset(at::ones({kValues}, gpu).mutable_data_ptr(), 0, sizeof(float));
  return true;
}

// A kernel launched through the driver's interface, as by the fake driver.
struct Doubling {
  float* values;
};

bool enqueue() {
  using Enqueue = int (*)(void*, void (*)(void*), void (*)(void*), void*);
  using Visible = void* (*)(void*);
  const auto enqueue_work = reinterpret_cast<Enqueue>(dlsym(RTLD_DEFAULT, "simulated_gpu_enqueue"));
  const auto visible = reinterpret_cast<Visible>(dlsym(RTLD_DEFAULT, "simulated_gpu_visible"));
  const c10::StreamGuard on_other(guard().getStreamFromGlobalPool(gpu, false));
  const auto tensor = busy_until(4);
  auto* const context = new Doubling{static_cast<float*>(visible(tensor.mutable_data_ptr()))};
  const auto work = [](void* given) {
    for (int64_t i = 0; i < kValues; ++i) static_cast<Doubling*>(given)->values[i] *= 2;
  };
  const auto release = [](void* given) { delete static_cast<Doubling*>(given); };
  auto* const handle = guard().getStreamNativeHandle(guard().getStream(gpu));
  return enqueue_work(handle, work, release, context) == 0 && is_all(tensor.cpu(), 8);
}

const std::map<std::string, std::function<bool()>> scenarios{
    {"wait-for-event", wait_for_event},
    {"poll-event", poll_event},
    {"read-too-early", read_too_early},
    {"reuse-page-locked", reuse_page_locked},
    {"wait-for-stream", wait_for_stream},
    {"recorded-stream", [] { return use_on_another_stream(true); }},
    {"unrecorded-stream", [] { return use_on_another_stream(false); }},
    {"read-on-host", read_on_host},
    {"write-on-host", write_on_host},
    {"enqueue", enqueue},
};

}  // namespace

// Arguments: the libraries to load, as the addon's loader does, up to `--`; then the scenarios.
int main(int count, char** words) {
  int at = 1;
  for (; at < count && std::strcmp(words[at], "--") != 0; ++at) {
    if (dlopen(words[at], RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
  }
  const c10::InferenceMode inference;
  for (++at; at < count; ++at) {
    guard().setDevice(gpu);
    const bool is_right = scenarios.at(words[at])();
    std::printf("%s %s\n", words[at], is_right ? "right" : "wrong");
    std::fflush(stdout);
    guard().synchronizeDevice(0);
  }
}
