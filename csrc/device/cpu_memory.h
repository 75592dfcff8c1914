#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace virnucpro {

// Counts the bytes of the CPU's tensors that are made while a BudgetScope of it stands, until they are freed, on
// whichever thread and however much later that is.
class MemoryBudget {
 public:
  static constexpr int64_t kUnlimited = INT64_MAX;

  void set_limit(int64_t bytes) { limit_ = bytes; }
  int64_t allocated() const { return allocated_; }
  int64_t peak() const { return peak_; }

  // Throws c10::OutOfMemoryError, and counts nothing, when more than the limit would be allocated.
  void take(size_t bytes);
  void give_back(size_t bytes) noexcept { allocated_ -= static_cast<int64_t>(bytes); }

 private:
  std::atomic<int64_t> limit_{kUnlimited};
  std::atomic<int64_t> allocated_{0};
  std::atomic<int64_t> peak_{0};
};

// Puts an allocator that counts in front of libtorch's for the CPU. Once for a process, before anything is computed.
void count_cpu_memory();

// As long as it stands, the tensors that this thread makes on the CPU are counted.
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
