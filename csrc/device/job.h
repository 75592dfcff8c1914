#pragma once

#include <exception>

namespace virnucpro {

class WorkerModels;

// Work for a DeviceWorker, and the way its result is returned. From `submit` on the worker owns it; the rules of
// DeviceWorker say who else may hold it and where it is destroyed.
//
// start, wait and deliver run on the worker's thread, once each and in this order. If a job fails, `fail` replaces the
// remaining calls: on the worker's thread if start or wait threw, or if the job's turn never came; on the caller's
// thread if the waiting jobs are cancelled or the worker is abandoned.
class Job {
 public:
  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  virtual ~Job() = default;

  // Gives the work to the device.
  virtual void start(WorkerModels& models) = 0;
  // Returns once the device has finished, with the result taken from the device.
  virtual void wait() = 0;
  // Hands over the result.
  virtual void deliver() = 0;
  // May be called on any thread, even while another one is in a method above. Whichever of `deliver` and `fail` comes
  // first counts; later calls do nothing.
  virtual void fail(const std::exception_ptr& reason) = 0;
};

}  // namespace virnucpro
