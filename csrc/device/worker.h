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
#include "device/open_request.h"
#include "device/progress.h"
#include "device/worker_message.h"
#include "device/worker_models.h"
#include "error.h"
#include "stream/page_locked_memory.h"

namespace virnucpro {

// For a job that a closed worker does not accept or run.
Error closed_failure();

// One thread that owns the models of one device: it loads them, runs every job, and frees them. At most kCapacity jobs
// wait or run; one running and one ready keep a device busy. An asynchronous device is given the next job before the
// thread waits for the result of the running one, so that it is never idle between them.
//
// The rules of lifetime, for this class and for WorkerBinding, its JavaScript object:
// 1. Only the worker's thread makes, uses and frees the models, the stream and everything else on the device. Others
// may read only the weights that CPU workers share, which do not change.
// 2. From `submit` on the worker owns a job, and exactly one of `deliver` and `fail` settles it. What a started job
// holds on the device is freed on the worker's thread, or never if the worker is abandoned.
// 3. The worker's memory for a job's copies is given back before the job's result is delivered.
// 4. A result is delivered last, once the queue has room again: whoever awaits it may submit at once.
// 5. The thread is joined before anything that it calls is destroyed: the channels of the JavaScript environment, which
// end with it before its objects do, and libtorch's globals, whose destructors run when the process exits.
// 6. A thread that is stuck inside the driver cannot be joined. It is abandoned, and this object, which it uses, is
// kept for the life of the process.
// 7. The JavaScript object keeps itself alive while one of its promises is pending, so it is collected, and the thread
// joined, only when idle.
// 8. The worker's messages reach JavaScript before the promise of what it did next settles.
class DeviceWorker {
 public:
  static constexpr size_t kCapacity = 3;

  // Callbacks on the worker's thread.
  struct Events {
    // `opened` gets the bytes of the weights and the number of threads that compute; `failed` gets what the loading
    // threw. `abandon` may call `failed` as well, on another thread: the second call must be ignored.
    std::function<void(int64_t, int)> opened;
    std::function<void(std::exception_ptr)> failed;
    // Called until the thread has ended.
    Emit emit;
  };

  // Starts the thread.
  DeviceWorker(OpenRequest request, Events events);
  // Closes and joins. Waits for running jobs, but not for long if the device hangs; loading ends at its next step.
  // Waits for ever if the thread is stuck inside the driver: call `close_and_wait` first.
  ~DeviceWorker();
  DeviceWorker(const DeviceWorker&) = delete;
  DeviceWorker& operator=(const DeviceWorker&) = delete;

  // Throws kArgument when the queue is full and kClosed after close.
  void submit(std::shared_ptr<Job> job);
  // Fails the waiting jobs (kAborted).
  void cancel();
  // On any thread, like `memory`.
  Progress progress() const { return progress_.now(); }
  MemoryFigures memory() const { return memory_.figures(); }
  // Closes, and waits until the thread has ended. False if the thread is stuck inside the driver and has to be
  // abandoned.
  [[nodiscard]] bool close_and_wait();
  // For a thread that is stuck inside the driver: fails its opening and all its jobs (kDeviceLost). Whatever the thread
  // still does is ignored. The object must be kept from then on (rule 6).
  void abandon();
  // Lets running jobs finish, fails the waiting ones (kClosed), frees the models and ends the thread; then calls
  // `on_closed` on that thread, or at once if the thread has already ended.
  void close(std::function<void()> on_closed);

 private:
  // The thread: from loading the models to freeing them.
  void load_and_serve(const OpenRequest& request);
  // Closes without waiting, and has the thread give up soon if it loads or waits for a device that hangs.
  void close_quickly();
  // A job that was given to the device.
  struct Started {
    std::shared_ptr<Job> job;
    PageLockedMemory::Loan memory;
    std::exception_ptr failure;  // of `start`; null when it succeeded
  };
  void serve(WorkerModels& models);
  // The next job, which counts as running from here on. Null if the worker closes, or if no job waits and `wait` is
  // false.
  std::shared_ptr<Job> next(bool wait);
  Started start(std::shared_ptr<Job> job, WorkerModels& models, const DeviceHealth& health);
  void finish(Started started, const WorkerModels& models, DeviceHealth& health);
  // What `start` or `wait` threw, in the form that the job's caller gets.
  std::exception_ptr reported_failure(std::exception_ptr failure, const WorkerModels& models, DeviceHealth& health);
  // Fails what still waits, and calls those who wait for the end.
  void finish_thread();

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
  std::vector<std::function<void()>> on_closed_;
  bool closing_ = false;
  bool ended_ = false;
  // Last, so that everything it uses exists before it starts.
  std::thread thread_;
};

}  // namespace virnucpro
