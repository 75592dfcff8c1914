#include "device.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <map>

#include "errors.h"

namespace simulated {

namespace {

constexpr size_t kPooledStreams = 32;
// The CUDA of the libtorch that this replaces, and the lowest capability that its kernels were compiled for.
constexpr int kCudaOfLibtorch = 13000;
constexpr int kLeastCapability = 75;

thread_local int current = 0;
thread_local std::map<int, int64_t> current_streams;

std::vector<std::unique_ptr<Device>>& devices() {
  static auto* all = [] {
    auto* made = new std::vector<std::unique_ptr<Device>>();
    if (driver_cuda_version() < kCudaOfLibtorch) return made;
    for (const auto& gpu : visible_gpus())
      made->push_back(std::make_unique<Device>(static_cast<int>(made->size()), gpu));
    return made;
  }();
  return *all;
}

}  // namespace

Device::Device(int index, const Gpu& gpu) : index_(index), gpu_(gpu), memory_(*this) {}

Stream& Device::stream(int64_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (streams_.empty()) streams_.push_back(std::make_unique<Stream>(*this, 0));
  TORCH_CHECK(id >= 0 && static_cast<size_t>(id) < streams_.size(), "Device ", index_, " has no stream ", id);
  return *streams_[static_cast<size_t>(id)];
}

Stream& Device::new_stream() {
  stream(0);
  const std::lock_guard<std::mutex> lock(mutex_);
  streams_.push_back(std::make_unique<Stream>(*this, static_cast<int64_t>(streams_.size())));
  return *streams_.back();
}

Stream& Device::pooled_stream() {
  const std::lock_guard<std::mutex> lock(pool_mutex_);
  if (pool_.size() < kPooledStreams) {
    pool_.push_back(&new_stream());
    return *pool_.back();
  }
  return *pool_[next_pooled_++ % kPooledStreams];
}

void Device::drain() {
  std::vector<Stream*> all;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& stream : streams_) all.push_back(stream.get());
  }
  for (auto* stream : all) stream->drain();
  expect_sound();
}

void Device::open() {
  if (gpu_.fault == Fault::kUnopenable) raise(kInitializationError);
  if (gpu_.fault == Fault::kTaken) raise(kDevicesUnavailable);
  expect_sound();
  is_open_ = true;
}

void Device::expect_sound() const {
  if (const int error = error_) raise(error);
}

void Device::expect_kernels() const {
  if (gpu_.capability < kLeastCapability) raise(kNoKernelImage);
}

void Device::expect_room_for_cublas() {
  if (gpu_.fault != Fault::kCrowded || kernels_ < gpu_.fault_after || was_crowded_.exchange(true)) return;
  TORCH_CHECK(false, "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`");
}

bool Device::admits_kernel() {
  const bool is_past = gpu_.fault_after < ++kernels_;
  if (is_past && gpu_.fault == Fault::kHangs) {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock<std::mutex> lock(mutex);
    never.wait(lock, [] { return false; });
  }
  if (is_past && gpu_.fault == Fault::kLost) fail(kLaunchFailure);
  return error_ == kSuccess;
}

int Device::utilisation() {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  const auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(now - asked_).count();
  const int64_t busy = busy_;
  const auto share = elapsed == 0 ? 0 : 100 * (busy - busy_when_asked_) / elapsed;
  busy_when_asked_ = busy;
  asked_ = now;
  return static_cast<int>(std::min<int64_t>(100, share));
}

size_t Device::streams() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return streams_.size();
}

int device_count() { return static_cast<int>(devices().size()); }

Device& device(int index) {
  if (driver_cuda_version() < kCudaOfLibtorch) raise(kInsufficientDriver);
  if (index < 0 || index >= device_count()) raise(kInvalidDevice);
  return *devices()[static_cast<size_t>(index)];
}

int current_device() { return current; }

void set_current_device(int index) { current = index; }

Stream& current_stream(int index) { return device(index).stream(current_streams[index]); }

int64_t exchange_stream(int index, int64_t id) {
  const auto before = current_streams[index];
  current_streams[index] = id;
  return before;
}

}  // namespace simulated
