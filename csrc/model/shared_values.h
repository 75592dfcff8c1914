#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "archive/loading_progress.h"

namespace virnucpro {

// Values of one kind that the process's threads share for as long as any of them uses them.
template <typename Value>
class SharedValues {
 public:
  using Shared = std::shared_ptr<const Value>;

  // The value of this key. The first caller makes it; callers that ask meanwhile wait for it, or for the exception that
  // making it throws. If the maker cancels, the next waiting caller makes it. Throws kAborted when `cancellation`,
  // which is the caller's own, is cancelled.
  Shared get(const std::string& key, const std::function<Shared()>& make, const Cancellation& cancellation) {
    const auto own = std::make_shared<Making>();
    for (;;) {
      const auto [known, making] = known_or_making(key, own);
      if (known) return known;
      if (making == own) return made(key, make, cancellation, own);
      wait_for(*making, cancellation);
      if (making->failure) std::rethrow_exception(making->failure);
      if (making->value) return making->value;
    }
  }

 private:
  // Neither a value nor a failure once ended: it was cancelled.
  struct Making {
    bool ended = false;
    Shared value;
    std::exception_ptr failure;
  };
  struct Entry {
    std::weak_ptr<const Value> value;
    std::shared_ptr<Making> making;  // null unless it is being made
  };

  std::pair<Shared, std::shared_ptr<Making>> known_or_making(const std::string& key,
                                                             const std::shared_ptr<Making>& own) {
    const std::lock_guard<std::mutex> lock(mutex_);
    forget_unused();
    auto& entry = entries_[key];
    if (auto known = entry.value.lock()) return {known, nullptr};
    if (!entry.making) entry.making = own;
    return {nullptr, entry.making};
  }

  Shared made(const std::string& key, const std::function<Shared()>& make, const Cancellation& cancellation,
              const std::shared_ptr<Making>& own) {
    try {
      auto value = make();
      end(key, *own, value, nullptr);
      return value;
    } catch (...) {
      end(key, *own, nullptr, cancellation.cancelled() ? nullptr : std::current_exception());
      throw;
    }
  }

  void end(const std::string& key, Making& making, const Shared& value, const std::exception_ptr& failure) {
    const std::lock_guard<std::mutex> lock(mutex_);
    making.ended = true;
    making.value = value;
    making.failure = failure;
    entries_[key] = {value, nullptr};
    ended_.notify_all();
  }

  void wait_for(const Making& making, const Cancellation& cancellation) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!making.ended) {
      cancellation.expect_wanted();
      ended_.wait_for(lock, std::chrono::milliseconds(50));
    }
  }

  void forget_unused() {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const bool unused = entry->second.value.expired() && !entry->second.making;
      entry = unused ? entries_.erase(entry) : std::next(entry);
    }
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  std::map<std::string, Entry> entries_;
};

}  // namespace virnucpro
