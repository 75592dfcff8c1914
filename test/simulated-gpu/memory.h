#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace simulated {

class Completion;
class Device;
class Stream;

// A device's memory, with the rules of libtorch's caching allocator: what is given back is kept, and is used again on
// the stream that it was taken for, at once, because work on it comes later there; on another stream only where that
// was recorded. Tensors carry addresses at which there is nothing (any access of the host faults, and says so); kernels
// find the same bytes elsewhere. What is given back is overwritten with NaN, in the stream's order, so that whoever
// still reads it there shows.
class DeviceMemory {
 public:
  struct Figures {
    size_t allocated = 0;
    size_t reserved = 0;
    size_t peak_allocated = 0;
    size_t peak_reserved = 0;
  };

  explicit DeviceMemory(Device& device) : device_(device) {}

  // An address of the device. @throws c10::OutOfMemoryError
  void* take(size_t bytes, Stream& stream);
  void give_back(void* address);
  // That a stream uses it beside the one that it was taken for.
  void record(void* address, int64_t stream);
  // Returns to the device what is kept, which waits for the whole device as cudaFree does.
  void release_unused();

  Figures figures() const;
  void reset_peak();
  // Bytes that this process may take: what others have left, within its share.
  size_t limit() const;

 private:
  struct Block {
    char* address = nullptr;
    char* bytes = nullptr;
    size_t size = 0;
    int64_t stream = 0;
    std::set<int64_t> recorded;
  };
  // Given back, and still in use on streams that were recorded.
  struct Waiting {
    Block block;
    std::vector<std::shared_ptr<Completion>> uses;
  };

  Block map(size_t size, int64_t stream);
  bool find_kept(size_t size, int64_t stream, Block& found);
  void keep(Block block);
  void look_for_ready();

  Device& device_;
  mutable std::mutex mutex_;
  std::map<void*, Block> taken_;
  std::map<int64_t, std::multimap<size_t, Block>> kept_;  // by stream, by size
  std::vector<Waiting> waiting_;
  Figures figures_;
};

// Where a kernel finds the byte at an address of any device; null for other addresses.
void* visible(const void* address);
// The ordinal of the device that an address belongs to; -1: none.
int device_of(const void* address);

// The allocator is made once for all devices, when libtorch first asks for CUDA, and takes over its settings then.
void make_allocator();
bool allocator_is_made();
// The share of a device's memory that it may take, 0 to 1: per_process_memory_fraction, as it was when it was made.
double memory_share();

}  // namespace simulated
