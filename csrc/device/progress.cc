#include "device/progress.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace virnucpro {

struct ProgressTracker::State {
  explicit State(std::vector<Stretch> stretches) : plan(std::move(stretches)) {}

  const std::vector<Stretch> plan;
  std::atomic<int64_t> layers_done{0};

  Progress progress() const {
    Progress result;
    const auto done = layers_done.load();
    double multiplications = 0;
    double multiplications_done = 0;
    for (const auto& stretch : plan) {
      const auto done_here = std::min(stretch.layers, std::max(int64_t{0}, done - result.layers));
      // When all layers are done, the last model stays: what is left to do belongs to no layer.
      if (done >= result.layers) result.model = stretch.model;
      result.layers += stretch.layers;
      result.layers_done += done_here;
      multiplications += static_cast<double>(stretch.layers) * stretch.multiplications;
      multiplications_done += static_cast<double>(done_here) * stretch.multiplications;
    }
    if (multiplications > 0) result.fraction = multiplications_done / multiplications;
    return result;
  }
};

ProgressTracker::Job::Job(ProgressTracker& tracker, std::vector<Stretch> plan)
    : tracker_(tracker), state_(std::make_shared<State>(std::move(plan))) {
  const std::lock_guard<std::mutex> lock(tracker_.mutex_);
  place_ = tracker_.jobs_.insert(tracker_.jobs_.end(), state_);
}

ProgressTracker::Job::~Job() {
  const std::lock_guard<std::mutex> lock(tracker_.mutex_);
  tracker_.jobs_.erase(place_);
}

void ProgressTracker::Job::layer() { layers(1); }

void ProgressTracker::Job::end_stretch() {
  const auto left = state_->plan.at(stretch_).layers - given_;
  if (left > 0) layers(left);
  ++stretch_;
  given_ = 0;
}

void ProgressTracker::Job::layers(int64_t count) {
  given_ += count;
  DeviceStream::current().mark([state = state_, count] { state->layers_done += count; });
}

Progress ProgressTracker::now() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return jobs_.empty() ? Progress() : jobs_.front()->progress();
}

}  // namespace virnucpro
