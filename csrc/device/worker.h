#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "device/device_health.h"
#include "device/job.h"
#include "device/memory_meter.h"
#include "device/pipeline_models.h"
#include "device/progress.h"
#include "device/worker_message.h"
#include "error.h"
#include "stream/page_locked_memory.h"

namespace virnucpro {

// For a job that a closed worker does not take or run.
Error closed_failure();

// One thread that owns the models of one device: it loads them, runs every job, and frees them. At most kCapacity jobs
// wait or run: one running and one ready keep a device busy. A device that works behind the thread's back is given the
// next job before the result of the one that runs is waited for, so that it never stands still between them.
//
// The rules of who lives how long, for this class and for WorkerBinding, its JavaScript object:
// 1. The models, the stream and everything else on the device are made, used and freed by the worker's thread alone.
//    Only weights that CPU workers share are read by others; they do not change.
// 2. From `submit` on the worker owns a job, and exactly one of `deliver` and `fail` settles it. What a started job
//    holds of the device is freed on the worker's thread; that of an abandoned worker is never freed.
// 3. The worker's memory for a job's copies is given back before its result is delivered.
// 4. A result is delivered last, when the queue has room again: whoever awaits it may submit at once.
// 5. The thread is joined before anything that it calls ends: the channels of the JavaScript environment, which end
//    with it before its objects do, and libtorch's globals, whose destructors run at the process's exit.
// 6. A thread that is stuck inside the driver cannot be joined. It is abandoned, and this object, which it uses, stays
//    for the life of the process.
// 7. The JavaScript object keeps itself alive while a promise of its own is open. So it is collected, and the thread
//    joined, only when idle.
// 8. Messages of the worker reach JavaScript before the promise of what it did next settles.
class DeviceWorker {
 public:
  static constexpr size_t kCapacity = 3;

  // What happens on the worker's thread.
  struct Events {
    // The bytes of the weights and the threads that compute, or what the loading threw. `failed` may be called as well,
    // on another thread, by `abandon`: what comes second is to be dropped.
    std::function<void(int64_t, int)> opened;
    std::function<void(std::exception_ptr)> failed;
    // Until the thread has ended.
    Emit emit;
  };

  // Starts the thread.
  DeviceWorker(OpenRequest request, Events events);
  // Closes and joins: waits for the jobs that run, but not for long where the device hangs; loading ends at its next
  // step. Waits for ever when the thread is stuck inside the driver: ask `ends` first.
  ~DeviceWorker();
  DeviceWorker(const DeviceWorker&) = delete;
  DeviceWorker& operator=(const DeviceWorker&) = delete;

  // Throws kArgument when the queue is full and kClosed after close.
  void submit(std::shared_ptr<Job> job);
  // Fails the jobs that wait (kAborted).
  void cancel();
  // On any thread, as `memory`.
  Progress progress() const { return progress_.now(); }
  MemoryFigures memory() const { return memory_.figures(); }
  // Closes, and waits until the thread has ended. False where it is stuck inside the driver: it has to be abandoned.
  bool ends();
  // For a thread that is stuck inside the driver: fails its opening and all its jobs (kDeviceLost). What the thread
  // still does reaches nobody. The object must then be kept (rule 6).
  void abandon();
  // After the jobs that run, fails those that wait (kClosed), frees the models and ends the thread; then calls `closed`
  // on that thread, or at once when the thread has ended already.
  void close(std::function<void()> closed);

 private:
  void main(const OpenRequest& request);
  void stop();
  // A job that the device has.
  struct Started {
    std::shared_ptr<Job> job;
    PageLockedMemory::Loan memory;
    std::exception_ptr failure;  // of `start`; null when it succeeded
  };
  void serve(PipelineModels& models);
  // The next job, which runs from here on; null when there is nothing to wait for: jobs that run already, or a close.
  std::shared_ptr<Job> next(bool wait);
  Started start(std::shared_ptr<Job> job, PipelineModels& models, const DeviceHealth& health);
  void finish(Started started, const PipelineModels& models, DeviceHealth& health);
  // What `start` or `wait` threw, as the job's caller gets it.
  std::exception_ptr judged(std::exception_ptr failure, const PipelineModels& models, DeviceHealth& health);
  void end();

  std::shared_ptr<Cancellation> cancellation_;  // of the loading
  std::atomic<double> deadline_;                // see DeviceStream
  const std::string device_;
  const Events events_;
  MemoryMeter memory_;
  ProgressTracker progress_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::vector<std::shared_ptr<Job>> running_;
  std::vector<std::shared_ptr<Job>> abandoned_;  // were running; held for ever (rule 2)
  std::vector<std::function<void()>> closed_;
  bool closing_ = false;
  bool ended_ = false;
  // Last, so that everything it uses exists before it starts.
  std::thread thread_;
};

}  // namespace virnucpro
