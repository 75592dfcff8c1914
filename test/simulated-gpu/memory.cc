#include "memory.h"

#include <c10/core/AllocatorConfig.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <shared_mutex>
#include <string>

#include "device.h"

namespace simulated {

namespace {

constexpr size_t kStep = 512;
constexpr int kNanByte = 0xFF;  // NaN in every type of floating point, -1 in integers

std::atomic<double> share_in_settings{1.0};
std::atomic<double> share_in_force{1.0};
std::atomic<bool> is_made{false};

// Allocator settings that CUDA has besides those common to all devices.
const c10::CachingAllocator::DeviceConfigParserHookRegistry config_hook(
    [](const std::string& settings) {
      const std::string key = "per_process_memory_fraction:";
      const auto at = settings.rfind(key);
      if (at != std::string::npos) share_in_settings = std::stod(settings.substr(at + key.size()));
    },
    {"backend", "per_process_memory_fraction", "release_lock_on_cudamalloc", "pinned_use_cuda_host_register",
     "pinned_num_register_threads", "pinned_reserve_segment_size_mb", "graph_capture_record_stream_reuse"});

struct Mapping {
  char* bytes;
  size_t size;
  int device;
};

std::shared_mutex mappings_mutex;
std::map<char*, Mapping>& mappings() {
  static auto* all = new std::map<char*, Mapping>();
  return *all;
}

// The mapping that contains an address, and its start; null: none. Call with the mutex held.
const std::pair<char* const, Mapping>* mapping_of(const void* address) {
  auto* const byte = static_cast<char*>(const_cast<void*>(address));
  auto next = mappings().upper_bound(byte);
  if (next == mappings().begin()) return nullptr;
  const auto& found = *std::prev(next);
  return byte < found.first + found.second.size ? &found : nullptr;
}

char* reserve(size_t size, int access) {
  void* address = mmap(nullptr, size, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  TORCH_CHECK(address != MAP_FAILED, "The simulation has no more address space");
  return static_cast<char*>(address);
}

std::string mebibytes(size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

void* DeviceMemory::take(size_t bytes, Stream& stream) {
  const size_t size = (bytes + kStep - 1) / kStep * kStep;
  for (bool has_released = false;; has_released = true) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      look_for_ready();
      Block block;
      const bool is_kept = find_kept(size, stream.id(), block);
      if (is_kept || figures_.reserved + size <= limit()) {
        if (!is_kept) block = map(size, stream.id());
        figures_.allocated += block.size;
        figures_.peak_allocated = std::max(figures_.peak_allocated, figures_.allocated);
        return taken_.emplace(block.address, block).first->second.address;
      }
    }
    TORCH_CHECK_WITH(OutOfMemoryError, !has_released, "CUDA out of memory. Tried to allocate ", mebibytes(size),
                     ". GPU ", device_.index(), " has a total capacity of ", mebibytes(device_.gpu().memory),
                     " of which ", mebibytes(limit() - std::min(limit(), figures().reserved)), " is free.");
    release_unused();
  }
}

DeviceMemory::Block DeviceMemory::map(size_t size, int64_t stream) {
  Block block{reserve(size, PROT_NONE), reserve(size, PROT_READ | PROT_WRITE), size, stream, {}};
  // As on a device, where memory contains what another process left.
  std::memset(block.bytes, kNanByte, size);
  {
    const std::unique_lock<std::shared_mutex> lock(mappings_mutex);
    mappings()[block.address] = {block.bytes, size, device_.index()};
  }
  figures_.reserved += size;
  figures_.peak_reserved = std::max(figures_.peak_reserved, figures_.reserved);
  return block;
}

bool DeviceMemory::find_kept(size_t size, int64_t stream, Block& found) {
  auto& blocks = kept_[stream];
  const auto best = blocks.lower_bound(size);
  // libtorch splits larger blocks; here they are kept for requests that need them.
  if (best == blocks.end() || best->first > size + size / 4) return false;
  found = best->second;
  blocks.erase(best);
  return true;
}

void DeviceMemory::keep(Block block) {
  device_.stream(block.stream).mark([bytes = block.bytes, size = block.size] { std::memset(bytes, kNanByte, size); });
  block.recorded.clear();
  kept_[block.stream].emplace(block.size, block);
}

void DeviceMemory::give_back(void* address) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = taken_.find(address);
  if (found == taken_.end()) return;
  Block block = found->second;
  taken_.erase(found);
  figures_.allocated -= block.size;
  if (block.recorded.empty() || !has(Protection::kRecordedStreams)) return keep(std::move(block));
  Waiting waiting{block, {}};
  for (const auto id : block.recorded) {
    const auto use = std::make_shared<Completion>();
    device_.stream(id).mark([use] { use->reach(); });
    waiting.uses.push_back(use);
  }
  waiting_.push_back(std::move(waiting));
}

void DeviceMemory::look_for_ready() {
  const auto is_waiting = [](const Waiting& waiting) {
    return !std::all_of(waiting.uses.begin(), waiting.uses.end(), [](const auto& use) { return use->reached(); });
  };
  const auto ready = std::stable_partition(waiting_.begin(), waiting_.end(), is_waiting);
  for (auto each = ready; each != waiting_.end(); ++each) keep(std::move(each->block));
  waiting_.erase(ready, waiting_.end());
}

void DeviceMemory::record(void* address, int64_t stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = taken_.find(address);
  if (found != taken_.end() && found->second.stream != stream) found->second.recorded.insert(stream);
}

void DeviceMemory::release_unused() {
  device_.drain();
  const std::lock_guard<std::mutex> lock(mutex_);
  look_for_ready();
  for (auto& [stream, blocks] : kept_) {
    for (const auto& [size, block] : blocks) {
      // The stream may still have to overwrite the block at an unknown time, so wait for it.
      device_.stream(stream).drain();
      {
        const std::unique_lock<std::shared_mutex> mappings_lock(mappings_mutex);
        mappings().erase(block.address);
      }
      munmap(block.bytes, size);
      munmap(block.address, size);
      figures_.reserved -= size;
    }
  }
  kept_.clear();
}

DeviceMemory::Figures DeviceMemory::figures() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return figures_;
}

void DeviceMemory::reset_peak() {
  const std::lock_guard<std::mutex> lock(mutex_);
  figures_.peak_allocated = figures_.allocated;
  figures_.peak_reserved = figures_.reserved;
}

size_t DeviceMemory::limit() const {
  const auto mine = static_cast<size_t>(memory_share() * static_cast<double>(device_.gpu().memory));
  return std::min(device_.gpu().free, mine);
}

void* visible(const void* address) {
  const std::shared_lock<std::shared_mutex> lock(mappings_mutex);
  const auto* found = mapping_of(address);
  if (found == nullptr) return nullptr;
  return found->second.bytes + (static_cast<const char*>(address) - found->first);
}

int device_of(const void* address) {
  const std::shared_lock<std::shared_mutex> lock(mappings_mutex);
  const auto* found = mapping_of(address);
  return found == nullptr ? -1 : found->second.device;
}

void make_allocator() {
  if (!is_made.exchange(true)) share_in_force = share_in_settings.load();
}

bool allocator_is_made() { return is_made; }

double memory_share() { return has(Protection::kMemoryShare) ? share_in_force.load() : 1.0; }

}  // namespace simulated
