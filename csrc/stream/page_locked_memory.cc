#include "stream/page_locked_memory.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <c10/util/accumulate.h>
#include <c10/util/llvmMathExtras.h>

#include <algorithm>
#include <atomic>
#include <exception>

#include "failure_description.h"

namespace virnucpro {

namespace {

constexpr int64_t kMinBlockBytes = int64_t{1} << 20;
// Of each piece that is taken: more than any copy needs.
constexpr int64_t kAlignment = 256;

// How libtorch frees page-locked memory.
std::atomic<c10::DeleterFnPtr> free_block{nullptr};

// When libtorch frees memory that a device was to read or write, it asks the device how far it is. The error of a lost
// device must not leave a destructor, which would end the process: such memory is never freed.
void free_if_possible(void* block) {
  try {
    free_block.load()(block);
  } catch (const c10::Error&) {
  }
}

// Before libtorch gives out page-locked memory, it asks every device whether it is done with what was freed. A device
// that was lost since then answers with its failure once per block, and that is not a failure of this thread's device.
at::Tensor new_block(int64_t bytes) {
  constexpr int kMaxBlocks = 256;
  const auto options = at::TensorOptions(at::kCPU).dtype(at::kByte).pinned_memory(true);
  for (int attempt = 1;; ++attempt) {
    try {
      auto block = at::empty({bytes}, options);
      auto& data = block.storage().unsafeGetStorageImpl()->mutable_data_ptr();
      free_block = data.get_deleter();
      TORCH_CHECK(data.compare_exchange_deleter(data.get_deleter(), &free_if_possible));
      return block;
    } catch (const c10::AcceleratorError&) {
      if (attempt == kMaxBlocks || is_out_of_memory(std::current_exception())) throw;
    }
  }
}

// Powers of two, which libtorch rounds up to anyway: jobs of all sizes, however many, leave few blocks behind.
int64_t block_bytes(int64_t bytes) {
  return std::max(kMinBlockBytes, static_cast<int64_t>(c10::llvm::PowerOf2Ceil(static_cast<uint64_t>(bytes))));
}

// A device that failed never reaches it.
bool is_reached(const DeviceEvent& event) {
  try {
    return event.reached();
  } catch (const c10::Error&) {
    return false;
  }
}

}  // namespace

PageLockedMemory::~PageLockedMemory() {
  for (auto& room : unused_) {
    if (given_up_ || !is_reached(*room->free_at)) static_cast<void>(room.release());
  }
}

PageLockedMemory::Loan PageLockedMemory::borrow() {
  const auto free = std::find_if(unused_.begin(), unused_.end(), [](auto& room) { return room->free_at->reached(); });
  std::unique_ptr<Room> room;
  if (free != unused_.end()) {
    room = std::move(*free);
    unused_.erase(free);
    room->block = 0;
    room->used = 0;
  } else {
    room = std::make_unique<Room>();
  }
  current_ = room.get();
  return {room.release(), [this](Room* lent) { give_back(lent); }};
}

void PageLockedMemory::give_back(Room* room) noexcept {
  std::unique_ptr<Room> owned(room);
  if (current_ == room) current_ = nullptr;
  try {
    // Whatever became of the job, the device may have been given copies from and to this memory.
    if (!given_up_) owned->free_at.emplace(stream_);
  } catch (const c10::Error&) {
    given_up_ = true;
  }
  if (given_up_) {
    static_cast<void>(owned.release());
  } else {
    unused_.push_back(std::move(owned));
  }
}

at::Tensor PageLockedMemory::take(at::IntArrayRef sizes, at::ScalarType type) {
  TORCH_INTERNAL_ASSERT(current_ != nullptr);
  auto& room = *current_;
  const auto bytes = c10::multiply_integers(sizes) * static_cast<int64_t>(c10::elementSize(type));
  const auto fits = [&] { return room.used + bytes <= room.blocks[room.block].size(0); };
  while (room.block < room.blocks.size() && !fits()) {
    ++room.block;
    room.used = 0;
  }
  if (room.block == room.blocks.size()) room.blocks.push_back(new_block(block_bytes(bytes)));
  const auto taken = room.blocks[room.block].narrow(0, room.used, bytes);
  room.used += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return taken.view(type).view(sizes);
}

}  // namespace virnucpro
