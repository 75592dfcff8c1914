#include "device/worker.h"

#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "device/cpu_memory.h"
#include "device/devices.h"
#include "device/matrix_precision.h"
#include "device/warning_forwarder.h"
#include "error.h"
#include "failure_description.h"
#include "stream/device_stream.h"
#include "stream/hanging_devices.h"
#include "thread_team.h"

namespace virnucpro {

namespace {

bool is_own(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error&) {
    return true;
  } catch (...) {
    return false;
  }
}

// What opening a device threw, with the name of the device if others have taken it.
std::exception_ptr when_opening(const std::exception_ptr& failure, const std::string& device) {
  const auto described = describe_failure(failure);
  if (std::string_view(described.code) != code::kDevice || is_own(failure)) return failure;
  return std::make_exception_ptr(Error(
      code::kDevice, device + " is busy, or another process has exclusive use of it: " + first_line(described.message) +
                         ". Choose another device, or see with nvidia-smi which process uses it"));
}

LogMessage fewer_threads(int wanted, int permitted) {
  return {LogMessage::Level::kWarn, "OpenMP allows " + std::to_string(permitted) + " of the " + std::to_string(wanted) +
                                        " requested threads (OMP_THREAD_LIMIT, KMP_DEVICE_THREAD_LIMIT)"};
}

// Seconds. Nobody waits for results any more, and on a device that answers a batch takes less than this.
constexpr double kDeadlineAtTheEnd = 10;

}  // namespace

Error closed_failure() { return {code::kClosed, "The worker is closed. Open another one"}; }

DeviceWorker::DeviceWorker(OpenRequest request, Events events)
    : cancellation_(request.cancellation),
      deadline_(request.deadline),
      device_(request.device),
      events_(std::move(events)),
      memory_(request.max_memory),
      thread_([this, request = std::move(request)] { load_and_serve(request); }) {}

DeviceWorker::~DeviceWorker() {
  close_quickly();
  thread_.join();
}

void DeviceWorker::close_quickly() {
  cancellation_->cancel();
  deadline_ = std::min(deadline_.load(), kDeadlineAtTheEnd);
  close([] {});
}

bool DeviceWorker::close_and_wait() {
  close_quickly();
  if (device_ == "cpu") return true;
  constexpr std::chrono::seconds kLook{1};
  // If the thread hangs anywhere but inside the driver, it notices by itself, and earlier.
  constexpr std::chrono::duration<double> kMaxWithoutProgress{1.5 * kDeadlineAtTheEnd};
  std::chrono::duration<double> without_progress{0};
  auto last_fraction = progress_.now().fraction;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!ended_) {
    if (changed_.wait_for(lock, kLook) == std::cv_status::no_timeout) continue;
    const auto fraction = progress_.now().fraction;
    without_progress = fraction == last_fraction ? without_progress + kLook : std::chrono::duration<double>(0);
    last_fraction = fraction;
    if (without_progress > kMaxWithoutProgress) return false;
  }
  return true;
}

void DeviceWorker::submit(std::shared_ptr<Job> job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (closing_ || ended_) throw closed_failure();
  if (waiting_.size() + running_.size() >= kCapacity) {
    throw Error(code::kArgument, "Expected at most " + std::to_string(kCapacity) +
                                     " jobs at a time for a worker but received one more. Await a result first");
  }
  waiting_.push_back(std::move(job));
  changed_.notify_one();
}

void DeviceWorker::cancel() {
  std::deque<std::shared_ptr<Job>> cancelled;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    cancelled.swap(waiting_);
  }
  const auto reason = std::make_exception_ptr(Error(code::kAborted, "The batch was cancelled before it started"));
  for (const auto& job : cancelled) job->fail(reason);
}

void DeviceWorker::abandon() {
  remember_hanging_device();
  std::deque<std::shared_ptr<Job>> waiting;
  std::vector<std::function<void()>> on_closed;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    waiting.swap(waiting_);
    abandoned_ = running_;
    on_closed.swap(on_closed_);
  }
  const auto reason = std::make_exception_ptr(
      Error(code::kDeviceLost, device_ + " stopped responding, and so did its driver. " + kAfterLoss));
  events_.failed(reason);
  for (const auto& job : abandoned_) job->fail(reason);
  for (const auto& job : waiting) job->fail(reason);
  for (const auto& call : on_closed) call();
}

void DeviceWorker::close(std::function<void()> on_closed) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    if (!ended_) {
      on_closed_.push_back(std::move(on_closed));
      changed_.notify_one();
      return;
    }
  }
  on_closed();
}

void DeviceWorker::load_and_serve(const OpenRequest& request) {
  const c10::InferenceMode inference;
  const WarningForwarder warnings(events_.emit);
  std::optional<WorkerModels> models;
  std::exception_ptr failure;
  std::optional<DeviceStream> stream;
  auto device = c10::Device(c10::kCPU);
  int threads = 1;
  try {
    // A team belongs to the thread that computes.
    threads = form_thread_team(request.threads);
    if (threads < request.threads) events_.emit(fewer_threads(request.threads, threads));
    device = usable_device(request.device).device;
    // Sets the thread's own device. After most calls libtorch restores the previous device; on the first GPU, which
    // nobody may have asked for, that would make a context.
    if (!device.is_cpu()) {
      keep_matrix_precision();
      c10::impl::VirtualGuardImpl(device.type()).setDevice(device);
    }
    stream.emplace(device, deadline_);
    const auto memory = stream->borrow_memory();
    models.emplace(request, memory_, progress_, events_.emit);
  } catch (...) {
    failure = when_opening(std::current_exception(), request.device);
  }
  if (models) {
    events_.opened(models->weight_bytes(), threads);
    const BudgetScope counted(memory_.batches());
    serve(*models);
  }
  models.reset();
  memory_.release_unused(device);
  if (failure) events_.failed(failure);
  finish_thread();
}

void DeviceWorker::serve(WorkerModels& models) {
  DeviceHealth health(models.device());
  std::optional<Started> ahead;
  for (;;) {
    auto job = next(!ahead);
    if (!job && !ahead) return;
    std::optional<Started> started;
    if (job) started = start(std::move(job), models, health);
    if (ahead) finish(*std::exchange(ahead, std::nullopt), models, health);
    ahead = std::move(started);
    if (ahead && !models.works_ahead()) finish(*std::exchange(ahead, std::nullopt), models, health);
  }
}

DeviceWorker::Started DeviceWorker::start(std::shared_ptr<Job> job, WorkerModels& models, const DeviceHealth& health) {
  Started started{std::move(job), nullptr, nullptr};
  try {
    health.expect_alive();
    started.memory = DeviceStream::current().borrow_memory();
    started.job->start(models);
    memory_.look();
  } catch (...) {
    started.failure = std::current_exception();
  }
  return started;
}

std::shared_ptr<Job> DeviceWorker::next(bool wait) {
  std::unique_lock<std::mutex> lock(mutex_);
  // An unlimited wait is a function of GCC 12's library, which a machine with an older one does not have.
  while (wait && !closing_ && waiting_.empty()) changed_.wait_for(lock, std::chrono::hours(1));
  if (closing_ || waiting_.empty()) return nullptr;
  auto job = std::move(waiting_.front());
  waiting_.pop_front();
  running_.push_back(job);
  return job;
}

void DeviceWorker::finish(Started started, const WorkerModels& models, DeviceHealth& health) {
  const auto& job = started.job;
  try {
    if (started.failure) std::rethrow_exception(started.failure);
    health.expect_alive();
    job->wait();
  } catch (...) {
    started.failure = reported_failure(std::current_exception(), models, health);
  }
  started.memory.reset();  // before the result is delivered (rule 3)
  memory_.look();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    running_.erase(std::find(running_.begin(), running_.end(), job));
  }
  // Last, now that the queue has room again (rule 4).
  started.failure ? job->fail(started.failure) : job->deliver();
}

std::exception_ptr DeviceWorker::reported_failure(std::exception_ptr failure, const WorkerModels& models,
                                                  DeviceHealth& health) {
  if (!models.works_ahead()) return failure;
  // Memory kept for sizes that do not recur may be what the next, smaller batch lacks.
  if (is_out_of_memory(failure)) memory_.release_unused(models.device());
  return health.judge(failure);
}

void DeviceWorker::finish_thread() {
  std::deque<std::shared_ptr<Job>> left;
  std::vector<std::function<void()>> on_closed;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    left.swap(waiting_);
    on_closed.swap(on_closed_);
    changed_.notify_all();
  }
  const auto reason = std::make_exception_ptr(closed_failure());
  for (const auto& job : left) job->fail(reason);
  for (const auto& call : on_closed) call();
}

}  // namespace virnucpro
