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

// A device's memory, with the rules of libtorch's caching allocator. Freed memory is kept. The stream that it was taken
// for may reuse it at once, because its later work comes after the earlier; another stream's use must be recorded, and
// delays the reuse. Tensors have addresses at which nothing is mapped (any access by the host faults, and is reported);
// kernels find the bytes elsewhere. Freed memory is overwritten with NaN, in the stream's order, so that a later read
// shows.
class DeviceMemory {
 public:
  struct Figures {
    size_t allocated = 0;
    size_t reserved = 0;
    size_t peak_allocated = 0;
    size_t peak_reserved = 0;
  };

  explicit DeviceMemory(Device& device) : device_(device) {}

  // A device address. @throws c10::OutOfMemoryError
  void* take(size_t bytes, Stream& stream);
  void give_back(void* address);
  // Records that a stream other than its own uses it.
  void record(void* address, int64_t stream);
  // Returns kept memory to the device, and waits for the whole device like cudaFree.
  void release_unused();

  Figures figures() const;
  void reset_peak();
  // Bytes that this process may take: what others leave, within its fraction.
  size_t limit() const;

 private:
  struct Block {
    char* address = nullptr;
    char* bytes = nullptr;
    size_t size = 0;
    int64_t stream = 0;
    std::set<int64_t> recorded;
  };
  // Freed, but still in use on recorded streams.
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

// There is one allocator for all devices, made when libtorch first asks for CUDA, with the settings of that moment.
void make_allocator();
bool allocator_is_made();
// Maximum fraction of a device's memory, 0 to 1: per_process_memory_fraction when the allocator was made.
double memory_share();

}  // namespace simulated
