#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "device/milestone.h"

namespace virnucpro {

enum class LanguageModel { kDna, kProtein };

// What a device computes, for whoever asks, on any thread and without waiting for the device. On a device that works
// behind its thread's back several jobs run; it computes the first of them that it is not through with.
class StageTracker {
 public:
  // One job that runs; it ends with the object.
  class Job {
   public:
    // `first`: the model that it begins with.
    Job(StageTracker& tracker, LanguageModel first);
    ~Job();
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    // Where the device turns from the DNA model to the other one, and where it is through.
    void turns_at(const Milestone& milestone);
    void ends_at(const Milestone& milestone);

   private:
    friend class StageTracker;
    StageTracker& tracker_;
    const LanguageModel first_;
    std::optional<Milestone> turn_;
    std::optional<Milestone> end_;
    std::list<Job*>::iterator place_;
  };

  // None when the device has nothing to do, or does not answer.
  std::optional<LanguageModel> now() const;

 private:
  mutable std::mutex mutex_;
  std::list<Job*> jobs_;  // in the order in which the device has them
};

}  // namespace virnucpro
