// Page-locked memory: libtorch's own cache of it, which only asks the device when a block is no longer in use.
#include "pinned_memory.h"

#include <ATen/core/CachingHostAllocator.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "counters.h"
#include "device.h"

namespace simulated {

namespace {

struct Use {
  Device* device = nullptr;
  std::shared_ptr<Completion> end;
};

class PageLocked final : public at::CachingHostAllocatorImpl<c10::Stream, Use> {
 public:
  // Reused memory is filled with NaN, so that a device that still reads it gets wrong results at once.
  std::pair<void*, void*> allocate(size_t bytes) override {
    const auto block = at::CachingHostAllocatorImpl<c10::Stream, Use>::allocate(bytes);
    if (block.first != nullptr) std::memset(block.first, 0xFF, bytes);
    return block;
  }

  bool owns(const void* address) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto next = blocks_.upper_bound(address);
    if (next == blocks_.begin()) return false;
    const auto& [start, size] = *std::prev(next);
    return static_cast<const char*>(address) < static_cast<const char*>(start) + size;
  }

 private:
  void allocate_host_memory(size_t bytes, void** address) override {
    device(current_device()).open();
    constexpr size_t kPage = 4096;
    TORCH_CHECK(posix_memalign(address, kPage, bytes) == 0, "CUDA error: out of memory");
    count_page_locked(static_cast<int64_t>(bytes));
    const std::lock_guard<std::mutex> lock(mutex_);
    blocks_[*address] = bytes;
  }
  void free_block(at::HostBlock<c10::Stream>* block) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    blocks_.erase(block->ptr_);
    std::free(block->ptr_);
  }
  void record_stream(std::optional<std::vector<Use>>& uses, c10::Stream stream) override {
    auto& owner = device(stream.device_index());
    owner.expect_sound();
    Use use{&owner, std::make_shared<Completion>()};
    if (has(Protection::kPinnedWait)) {
      owner.stream(stream.id()).mark([end = use.end] { end->reach(); });
    } else {
      use.end->reach();
    }
    uses->push_back(std::move(use));
  }
  // Allocating page-locked memory asks all devices about freed blocks; a lost device answers with its error.
  bool query_event(Use& use) override {
    use.device->expect_sound();
    return use.end->reached();
  }
  c10::Stream get_current_stream() const override {
    const auto& stream = current_stream(current_device());
    const c10::Device where(c10::kCUDA, static_cast<c10::DeviceIndex>(stream.device().index()));
    return c10::Stream(c10::Stream::UNSAFE, where, stream.id());
  }
  bool stream_is_capturing(c10::Stream) const override { return false; }

  mutable std::mutex mutex_;
  std::map<const void*, size_t> blocks_;
};

void give_back(void* block);

using Allocator = at::CachingHostAllocatorInterface<PageLocked, &give_back>;

// Process-lifetime: threads free memory to it until the process ends.
Allocator& allocator() {
  static auto* instance = new Allocator();
  return *instance;
}

void give_back(void* block) { allocator().free(block); }

const bool is_registered = [] {
  at::setHostAllocator(c10::kCUDA, &allocator());
  return true;
}();

}  // namespace

c10::Allocator& page_locked_allocator() { return allocator(); }

bool is_page_locked(const void* address) { return allocator().impl_->owns(address); }

bool record_use(const c10::DataPtr& data, c10::Stream stream) {
  return data.get() != nullptr && allocator().record_event(data.get(), data.get_context(), stream);
}

}  // namespace simulated
