#include "device/stage.h"

#include <c10/util/Exception.h>

namespace virnucpro {

StageTracker::Job::Job(StageTracker& tracker, LanguageModel first) : tracker_(tracker), first_(first) {
  const std::lock_guard<std::mutex> lock(tracker_.mutex_);
  place_ = tracker_.jobs_.insert(tracker_.jobs_.end(), this);
}

StageTracker::Job::~Job() {
  const std::lock_guard<std::mutex> lock(tracker_.mutex_);
  tracker_.jobs_.erase(place_);
}

void StageTracker::Job::turns_at(const Milestone& milestone) {
  const std::lock_guard<std::mutex> lock(tracker_.mutex_);
  turn_ = milestone;
}

void StageTracker::Job::ends_at(const Milestone& milestone) {
  const std::lock_guard<std::mutex> lock(tracker_.mutex_);
  end_ = milestone;
}

std::optional<LanguageModel> StageTracker::now() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  try {
    for (const auto* job : jobs_) {
      if (job->end_ && job->end_->reached()) continue;
      return job->turn_ && job->turn_->reached() ? LanguageModel::kProtein : job->first_;
    }
  } catch (const c10::Error&) {
    // The device failed; its thread meets that too, and tells.
  }
  return std::nullopt;
}

}  // namespace virnucpro
