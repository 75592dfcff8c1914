#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "device/device_health.h"
#include "device/memory_meter.h"
#include "device/pipeline_models.h"
#include "device/progress.h"
#include "device/worker_message.h"
#include "stream/page_locked_memory.h"

namespace virnucpro {

// Hands over a result. It comes last, when the queue has room again, so that whoever awaits a result may submit at
// once.
using HandOver = std::function<void()>;
// Waits until the device is through with a job.
using Finish = std::function<HandOver()>;

using Fail = std::function<void(std::exception_ptr)>;

// Work for a device's thread. `start` gives it to the device; what it or finishing throws, or a close before its turn,
// goes to `fail`.
struct Job {
  std::function<Finish(PipelineModels&)> start;
  Fail fail;  // may be called twice; what comes second is dropped
};

// One thread that owns the models of one device: it loads them, runs every job, and frees them. Nobody else touches
// them, but for weights that CPU workers share, which do not change. At most kCapacity jobs wait or run: one running
// and one ready keep a device busy. A device that works behind the thread's back is given the one that is ready before
// the result of the one that runs is waited for, so that it never stands still between them.
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
    Tell tell;
  };

  // Starts the thread.
  DeviceWorker(OpenRequest request, Events events);
  // Closes and joins: waits for the jobs that run, but not for long where the device hangs; a loading is ended at its
  // next step. A thread that is stuck inside the driver it waits for without an end: ask `ends` first.
  ~DeviceWorker();
  DeviceWorker(const DeviceWorker&) = delete;
  DeviceWorker& operator=(const DeviceWorker&) = delete;

  // Throws kArgument when the queue is full and kClosed after close.
  void submit(Job job);
  // Fails the jobs that wait (kAborted).
  void withdraw();
  // On any thread, as `memory`.
  Progress progress() const { return progress_.now(); }
  MemoryFigures memory() const { return memory_.figures(); }
  // Closes, and waits until the thread has ended. False where it is stuck inside the driver: it has to be abandoned.
  bool ends();
  // For one whose thread is stuck inside the driver, where nothing reaches it: fails its opening and all its jobs
  // (kDeviceLost), and what the thread still does reaches nobody. The object must then be kept for as long as the
  // process lives.
  void abandon();
  // After the jobs that run, fails those that wait (kClosed), frees the models and ends the thread; then calls `closed`
  // on that thread, or at once when the thread has ended already.
  void close(std::function<void()> closed);

 private:
  void main(const OpenRequest& request);
  void stop();
  struct Started {
    std::list<Fail>::iterator fail;
    Finish finish;
    PageLockedMemory::Loan memory;
  };

  void serve(PipelineModels& models);
  struct Next {
    std::list<Fail>::iterator fail;
    Job job;
  };
  // The next job, which runs from here on; none when there is nothing to wait for: jobs that run already, or a close.
  std::optional<Next> next(bool wait);
  Started start(const Next& next, PipelineModels& models, const DeviceHealth& health);
  void finish(Started started, const PipelineModels& models, DeviceHealth& health);
  void end();

  std::shared_ptr<Cancellation> cancellation_;  // of the loading
  std::atomic<double> deadline_;                // see DeviceStream
  const std::string device_;
  const Events events_;
  MemoryMeter memory_;
  ProgressTracker progress_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;
  std::list<Fail> running_;
  std::vector<std::function<void()>> closed_;
  bool closing_ = false;
  bool ended_ = false;
  // Last, so that everything it uses exists before it starts.
  std::thread thread_;
};

}  // namespace virnucpro
