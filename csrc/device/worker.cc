#include "device/worker.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <utility>

#include "error.h"

namespace virnucpro {

DeviceWorker::DeviceWorker(OpenRequest request, std::function<void(int64_t)> opened,
                           std::function<void(std::exception_ptr)> failed)
    : thread_([this, request = std::move(request), opened = std::move(opened), failed = std::move(failed)] {
        main(request, opened, failed);
      }) {}

DeviceWorker::~DeviceWorker() {
  close([] {});
  thread_.join();
}

void DeviceWorker::submit(Job job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (closing_ || ended_) throw Error(code::kClosed, "Expected an open worker for a batch but it was closed");
  if (waiting_.size() + running_ >= kCapacity) {
    throw Error(code::kArgument, "Expected at most " + std::to_string(kCapacity) +
                                     " jobs at a time for a worker but received one more. Await a result first");
  }
  waiting_.push_back(std::move(job));
  changed_.notify_one();
}

void DeviceWorker::close(std::function<void()> closed) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    if (!ended_) {
      closed_.push_back(std::move(closed));
      changed_.notify_one();
      return;
    }
  }
  closed();
}

void DeviceWorker::main(const OpenRequest& request, const std::function<void(int64_t)>& opened,
                        const std::function<void(std::exception_ptr)>& failed) {
  // OpenMP's thread count belongs to the calling thread, so it is set on the one that computes. Asked for it first,
  // libtorch takes over the count that any thread set last; later, it would do so in the middle of the work. It is
  // asked twice: by what is compiled into libtorch, and by what its headers compile into this addon.
  at::get_num_threads();
  at::internal::lazy_init_num_threads();
  at::set_num_threads(request.threads);
  const c10::InferenceMode inference;
  std::optional<PipelineModels> models;
  try {
    models.emplace(request);
  } catch (...) {
    failed(std::current_exception());
  }
  if (models) {
    opened(models->weight_bytes());
    serve(*models);
  }
  models.reset();
  end();
}

void DeviceWorker::serve(PipelineModels& models) {
  std::optional<Started> ahead;
  for (;;) {
    auto job = next(!ahead);
    if (!job && !ahead) return;
    std::optional<Started> started;
    if (job) {
      try {
        auto finish = job->start(models);
        started = Started{*std::move(job), std::move(finish)};
      } catch (...) {
        const auto reason = std::current_exception();
        started = Started{*std::move(job), [reason]() -> HandOver { std::rethrow_exception(reason); }};
      }
    }
    if (ahead) finish(*std::move(ahead));
    ahead = std::move(started);
    if (ahead && !models.works_ahead()) {
      finish(*std::move(ahead));
      ahead.reset();
    }
  }
}

std::optional<Job> DeviceWorker::next(bool wait) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (wait) changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
  if (closing_ || waiting_.empty()) return std::nullopt;
  auto job = std::move(waiting_.front());
  waiting_.pop_front();
  ++running_;
  return job;
}

void DeviceWorker::finish(Started started) {
  HandOver hand_over;
  try {
    hand_over = started.finish();
  } catch (...) {
    hand_over = [fail = std::move(started.job.fail), reason = std::current_exception()] { fail(reason); };
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    --running_;
  }
  hand_over();
}

void DeviceWorker::end() {
  std::deque<Job> left;
  std::vector<std::function<void()>> closed;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    left.swap(waiting_);
    closed.swap(closed_);
  }
  const auto reason =
      std::make_exception_ptr(Error(code::kClosed, "Expected an open worker for a batch but it was closed"));
  for (auto& job : left) job.fail(reason);
  for (auto& done : closed) done();
}

}  // namespace virnucpro
