#pragma once

#include <exception>

namespace virnucpro {

class PipelineModels;

// Work for a DeviceWorker, and the way back to whoever waits for its result. From `submit` on the worker owns it; see
// the rules of DeviceWorker for who else may hold it and where it is destroyed.
//
// start, wait and deliver run on the worker's thread, once each and in this order. A job that fails gets `fail` in
// place of what is left: on the worker's thread after start or wait threw, and for a job whose turn never came; on the
// caller's thread when the jobs that wait are cancelled or the worker is abandoned.
class Job {
 public:
  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  virtual ~Job() = default;

  // Gives the work to the device.
  virtual void start(PipelineModels& models) = 0;
  // Returns when the device has done it, and takes the result from the device.
  virtual void wait() = 0;
  // Hands over the result.
  virtual void deliver() = 0;
  // On any thread, even while another one is in a method above. Whichever of `deliver` and `fail` comes first counts;
  // later calls do nothing.
  virtual void fail(const std::exception_ptr& reason) = 0;
};

}  // namespace virnucpro
