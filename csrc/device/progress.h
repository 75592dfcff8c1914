#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "stream/device_stream.h"

namespace virnucpro {

enum class LanguageModel { kDna, kProtein };

// Layers of one model that a job runs one after another, with the same sequences.
struct Stretch {
  LanguageModel model;
  int64_t layers;
  double multiplications;  // per layer
};

// How far a device has come with the oldest of its jobs.
struct Progress {
  std::optional<LanguageModel> model;  // empty: nothing to do
  int64_t layers_done = 0;
  int64_t layers = 0;
  double fraction = 0;  // of the job's multiplications, 0 to 1
};

// Tracks the jobs that a worker's thread gives to its device. Any thread may ask; the answer comes from what the
// worker's thread reported, never from the device.
class ProgressTracker {
  struct State;

 public:
  // A running job; it ends with the object. Used by the device's thread.
  class Job {
   public:
    Job(ProgressTracker& tracker, std::vector<Stretch> plan);
    ~Job();
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    // The device was given the next layer of the plan, which counts once the device has finished it.
    void layer();
    // The device was given all layers of the current stretch.
    void end_stretch();

   private:
    void layers(int64_t count);

    ProgressTracker& tracker_;
    const std::shared_ptr<State> state_;
    size_t stretch_ = 0;
    int64_t given_ = 0;  // of the current stretch
    std::list<std::shared_ptr<State>>::iterator place_;
  };

  Progress now() const;

 private:
  mutable std::mutex mutex_;
  std::list<std::shared_ptr<State>> jobs_;  // in the order in which the device got them
};

}  // namespace virnucpro
