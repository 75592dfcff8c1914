#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace virnucpro {

// Values of one kind that the threads of the process share for as long as one of them uses them.
template <typename Value>
class SharedValues {
 public:
  using Shared = std::shared_ptr<const Value>;

  // The value of this key. The first who asks makes it; those who ask meanwhile wait for it, and for what making it
  // throws.
  Shared get(const std::string& key, const std::function<Shared()>& make) {
    std::promise<Shared> made;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      forget_unused();
      auto& entry = entries_[key];
      if (auto known = entry.value.lock()) return known;
      if (entry.coming.valid()) {
        const auto coming = entry.coming;
        lock.unlock();
        return coming.get();
      }
      entry.coming = made.get_future().share();
    }
    try {
      auto value = make();
      settle(key, value);
      made.set_value(value);
      return value;
    } catch (...) {
      settle(key, nullptr);
      made.set_exception(std::current_exception());
      throw;
    }
  }

 private:
  struct Entry {
    std::weak_ptr<const Value> value;
    std::shared_future<Shared> coming;  // valid while it is made
  };

  void settle(const std::string& key, const Shared& value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    entries_[key] = {value, {}};
  }

  void forget_unused() {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const bool unused = entry->second.value.expired() && !entry->second.coming.valid();
      entry = unused ? entries_.erase(entry) : std::next(entry);
    }
  }

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace virnucpro
