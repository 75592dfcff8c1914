#include "device/cpu_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <new>
#include <utility>

#include "device/byte_text.h"
#include "leaked.h"

namespace virnucpro {

namespace {

thread_local const std::shared_ptr<MemoryBudget>* current_budget = nullptr;

// Precedes every block, even uncounted ones, because whoever frees a block knows only its address. As long as
// libtorch's alignment, so that the block stays aligned.
struct alignas(c10::gAlignment) BlockHeader {
  std::shared_ptr<MemoryBudget> budget;
  size_t bytes;
};
static_assert(sizeof(BlockHeader) == c10::gAlignment);

// libtorch's matrix library (oneDNN) asks for raw memory, for which data and context must be the same address. So the
// header is reached from the data instead of being the context.
class CountingAllocator final : public c10::Allocator {
 public:
  // The allocator that was there before.
  static c10::Allocator* wrapped;

  c10::DataPtr allocate(size_t bytes) override {
    void* const data = bytes == 0 ? nullptr : counted(bytes);
    return {data, data, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }

 private:
  static void* counted(size_t bytes) {
    const auto budget = current_budget == nullptr ? nullptr : *current_budget;
    // An impossible size: libtorch's allocator reports it in its own words.
    if (bytes > PTRDIFF_MAX - sizeof(BlockHeader)) return wrapped->raw_allocate(bytes);
    if (budget) budget->take(bytes);
    void* start = nullptr;
    try {
      start = wrapped->raw_allocate(bytes + sizeof(BlockHeader));
    } catch (...) {
      if (budget) budget->give_back(bytes);
      throw;
    }
    return ::new (start) BlockHeader{budget, bytes} + 1;
  }

  static void release(void* data) {
    if (data == nullptr) return;
    auto* const header = static_cast<BlockHeader*>(data) - 1;
    if (header->budget) header->budget->give_back(header->bytes);
    header->~BlockHeader();
    wrapped->raw_deallocate(header);
  }
};

c10::Allocator* CountingAllocator::wrapped = nullptr;

}  // namespace

void MemoryBudget::take(size_t bytes) {
  const auto asked = static_cast<int64_t>(bytes);
  const auto now = allocated_ += asked;
  const auto limit = limit_.load();
  if (now > limit) {
    allocated_ -= asked;
    TORCH_CHECK_WITH(
        OutOfMemoryError, false, "A batch needed ", byte_text(asked), " more with ", byte_text(now - asked),
        " in use, over the limit of ", byte_text(limit),
        " for the tensors of this worker's batches (`maxMemory`, less its weights). Use smaller batches or allow more "
        "memory");
  }
  auto peak = peak_.load();
  while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
  }
}

void install_counting_allocator() {
  static const bool counting = [] {
    CountingAllocator::wrapped = c10::GetCPUAllocator();
    // An allocator without raw memory cannot be wrapped; libtorch's own has it.
    if (CountingAllocator::wrapped->raw_deleter() == nullptr) return false;
    // Blocks may be freed after the process's globals are destroyed.
    static Leaked<CountingAllocator> allocator;
    c10::SetCPUAllocator(&*allocator);
    return true;
  }();
  static_cast<void>(counting);
}

BudgetScope::BudgetScope(std::shared_ptr<MemoryBudget> budget) : budget_(std::move(budget)), before_(current_budget) {
  current_budget = &budget_;
}

BudgetScope::~BudgetScope() { current_budget = before_; }

}  // namespace virnucpro
