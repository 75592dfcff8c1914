#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace virnucpro {

// Counts the bytes of CPU tensors that are made while a BudgetScope of this budget exists, until they are freed: on any
// thread, however much later.
class MemoryBudget {
 public:
  static constexpr int64_t kUnlimited = INT64_MAX;

  void set_limit(int64_t bytes) { limit_ = bytes; }
  int64_t allocated() const { return allocated_; }
  int64_t peak() const { return peak_; }

  // Throws c10::OutOfMemoryError, and counts nothing, if that would exceed the limit.
  void take(size_t bytes);
  void give_back(size_t bytes) noexcept { allocated_ -= static_cast<int64_t>(bytes); }

 private:
  std::atomic<int64_t> limit_{kUnlimited};
  std::atomic<int64_t> allocated_{0};
  std::atomic<int64_t> peak_{0};
};

// Puts a counting allocator in front of libtorch's for the CPU. Takes effect once per process; must come before
// anything is computed.
void install_counting_allocator();

// While it exists, the CPU tensors that this thread makes are counted.
class BudgetScope {
 public:
  explicit BudgetScope(std::shared_ptr<MemoryBudget> budget);
  ~BudgetScope();
  BudgetScope(const BudgetScope&) = delete;
  BudgetScope& operator=(const BudgetScope&) = delete;

 private:
  std::shared_ptr<MemoryBudget> budget_;
  const std::shared_ptr<MemoryBudget>* before_;
};

}  // namespace virnucpro
