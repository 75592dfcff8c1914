// The threads of a block: whose turn it is, and who waits for whom.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "fiber.h"

namespace emulation {

struct LaunchShape {
  unsigned grid_x, grid_y, block_x;
};

// Bytes of device memory. Reused: read again, from a GPU's caches.
struct Traffic {
  int64_t read, reused, written;
};

struct Place {
  unsigned x, y, z;
};

// What the thread whose turn it is sees.
struct State {
  Place thread, block, threads, blocks;
  Traffic traffic;
  uint64_t order;
  uint64_t blocks_run;
};

inline thread_local State state = {};

constexpr unsigned kWarpSize = 32;
constexpr unsigned kMostThreads = 1024;

[[noreturn]] inline void fail(const char* what, int line) {
  std::fprintf(stderr, "emulated kernel, block (%u, %u), thread %u: %s (line %d)\n", state.block.x, state.block.y,
               state.thread.x, what, line);
  std::abort();
}

inline void check_aligned(const void* address, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) fail("an access that is not aligned to its size", 0);
}

class Block {
 public:
  // The block of the calling host thread.
  static Block& current() {
    thread_local std::unique_ptr<Block> block;
    if (!block) block.reset(new Block);
    return *block;
  }

  void run(const std::function<void()>& thread) {
    thread_ = &thread;
    const unsigned threads = state.threads.x;
    if (threads == 0 || threads > kMostThreads || threads % kWarpSize != 0) {
      fail("a block's threads are whole warps, 1,024 at most", 0);
    }
    while (fibers_.size() < threads) fibers_.push_back(std::make_unique<Fiber>());
    waits_.assign(threads, Wait::kNone);
    exchanges_.assign(threads, 0);
    warps_.resize(threads / kWarpSize);
    for (auto& warp : warps_) warp.arrived = 0;
    at_barrier_ = 0;
    ended_ = 0;
    while (ended_ < threads) {
      if (!pass(threads)) fail("this barrier is not reached by all threads", line_);
    }
  }

  void wait_for_block(int line) {
    arrive(line, at_barrier_);
    waits_[state.thread.x] = Wait::kBlock;
    if (at_barrier_ < state.threads.x) return give_way();
    at_barrier_ = 0;
    std::fill(waits_.begin(), waits_.end(), Wait::kNone);
  }

  // Shares `value` with the warp; once all lanes have, returns what they shared, one group of words per lane.
  static constexpr size_t kMostWords = 6;
  using Words = std::array<unsigned, kMostWords>;
  using Laid = std::array<Words, kWarpSize>;

  const Laid& exchange(int line, const void* value, size_t bytes) {
    const unsigned thread = state.thread.x;
    Warp& warp = warps_[thread / kWarpSize];
    // A lane may be one exchange ahead of a lane that has not read yet.
    Laid& laid = warp.laid[exchanges_[thread]++ % 2];
    if (bytes != 0) std::memcpy(&laid[thread % kWarpSize], value, bytes);
    if (warp.arrived != 0 && warp.line != line) fail("the lanes of a warp meet in different places", line);
    warp.line = line_ = line;
    waits_[thread] = Wait::kWarp;
    if (++warp.arrived < kWarpSize) {
      give_way();
    } else {
      warp.arrived = 0;
      const auto first = waits_.begin() + thread / kWarpSize * kWarpSize;
      std::fill(first, first + kWarpSize, Wait::kNone);
    }
    return laid;
  }

 private:
  enum class Wait : char { kNone, kWarp, kBlock, kForEver };

  struct Warp {
    unsigned arrived = 0;
    int line = 0;
    std::array<Laid, 2> laid;
  };

  Block() = default;

  // Runs every thread that can continue once. Returns whether any could.
  bool pass(unsigned threads) {
    bool any = false;
    const uint64_t order = state.order;
    if (order > 1) {
      if (turns_.size() != threads) {
        turns_.resize(threads);
        std::iota(turns_.begin(), turns_.end(), 0);
      }
      random_.seed(order * 1000003 + ++passes_);
      std::shuffle(turns_.begin(), turns_.end(), random_);
    }
    for (unsigned i = 0; i < threads; ++i) {
      const unsigned thread = order == 0 ? i : order == 1 ? threads - 1 - i : turns_[i];
      if (waits_[thread] != Wait::kNone) continue;
      any = true;
      // Some threads are skipped at random, so that whole warps may fall behind others.
      if (order > 1 && random_() % 2 != 0) continue;
      state.thread.x = thread;
      fibers_[thread]->resume(&Block::body);
    }
    return any;
  }

  static void body() {
    for (;;) {
      Block& block = current();
      (*block.thread_)();
      block.waits_[state.thread.x] = Wait::kForEver;
      ++block.ended_;
      block.give_way();
    }
  }

  void arrive(int line, unsigned& arrived) {
    if (arrived != 0 && line_of_barrier_ != line) fail("the threads of a block meet in different places", line);
    if (ended_ != 0) fail("this barrier is not reached by all threads", line);
    line_of_barrier_ = line_ = line;
    ++arrived;
  }

  void give_way() { fibers_[state.thread.x]->give_way(); }

  const std::function<void()>* thread_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Wait> waits_;
  std::vector<unsigned> exchanges_;  // so far, by thread
  std::vector<Warp> warps_;
  unsigned at_barrier_ = 0;
  unsigned ended_ = 0;
  int line_ = 0;
  int line_of_barrier_ = 0;
  std::vector<unsigned> turns_;
  std::minstd_rand random_;
  uint64_t passes_ = 0;
};

template <typename T>
T shuffled(int line, unsigned mask, T value, unsigned distance) {
  static_assert(sizeof(T) == sizeof(unsigned));
  if (mask != ~0u) fail("shuffles are known of whole warps", line);
  const unsigned lane = state.thread.x % kWarpSize;
  const auto& laid = Block::current().exchange(line, &value, sizeof value);
  T other;
  std::memcpy(&other, &laid[lane ^ distance], sizeof other);
  return other;
}

template <typename T>
T& shared_memory() {
  thread_local GuardedMemory memory(sizeof(T));
  thread_local uint64_t block = 0;
  if (block != state.blocks_run) memory.poison();
  block = state.blocks_run;
  return *reinterpret_cast<T*>(memory.begin());
}

// Runs the blocks one after the other, in the same order as the threads.
inline void run_grid(const LaunchShape& shape, const std::function<void()>& thread, Traffic& traffic) {
  state.traffic = {};
  state.threads = {shape.block_x, 1, 1};
  state.blocks = {shape.grid_x, shape.grid_y, 1};
  const uint64_t blocks = static_cast<uint64_t>(shape.grid_x) * shape.grid_y;
  // A step that is coprime to the number of blocks visits each once.
  uint64_t step = state.order > 1 ? state.order : 1;
  while (std::gcd(step, blocks) != 1) ++step;
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t block = state.order == 1 ? blocks - 1 - i : i * step % blocks;
    state.block = {static_cast<unsigned>(block % shape.grid_x), static_cast<unsigned>(block / shape.grid_x), 0};
    ++state.blocks_run;
    Block::current().run(thread);
  }
  traffic = state.traffic;
}

}  // namespace emulation
