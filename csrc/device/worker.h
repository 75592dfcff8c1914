#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "device/pipeline_models.h"

namespace virnucpro {

// Work for a device's thread. `run` computes and gives back how to hand over the result; what it throws, or a close
// before its turn, goes to `fail`. Handing over comes last, when the queue has room again, so that whoever awaits a
// result may submit at once.
struct Job {
  std::function<std::function<void()>(PipelineModels&)> run;
  std::function<void(std::exception_ptr)> fail;
};

// One thread that owns the models of one device: it loads them, runs every job, and frees them. Nobody else touches
// them. At most kCapacity jobs wait or run: one running and one ready keep a device busy.
class DeviceWorker {
 public:
  static constexpr size_t kCapacity = 2;

  // Starts the thread; `opened` receives the bytes of the weights, or `failed` what the loading threw, on that thread.
  DeviceWorker(OpenRequest request, std::function<void(int64_t)> opened,
               std::function<void(std::exception_ptr)> failed);
  // Closes and joins: waits for the running job.
  ~DeviceWorker();
  DeviceWorker(const DeviceWorker&) = delete;
  DeviceWorker& operator=(const DeviceWorker&) = delete;

  // Throws kArgument when the queue is full and kClosed after close.
  void submit(Job job);
  // After the running job, fails those that wait (kClosed), frees the models and ends the thread; then calls `closed`
  // on that thread, or at once when the thread has ended already.
  void close(std::function<void()> closed);

 private:
  void main(const OpenRequest& request, const std::function<void(int64_t)>& opened,
            const std::function<void(std::exception_ptr)>& failed);
  void serve(PipelineModels& models);
  void end();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;
  std::vector<std::function<void()>> closed_;
  bool running_ = false;
  bool closing_ = false;
  bool ended_ = false;
  // Last, so that everything it uses exists before it starts.
  std::thread thread_;
};

}  // namespace virnucpro
