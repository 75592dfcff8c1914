#include "cuda_kernels/kernel_calls.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

namespace virnucpro {

namespace {

// Must match source/: how many numbers a thread takes at a time, and the block sizes.
constexpr int64_t kChunk = 8;
constexpr int64_t kWarp = 32;
constexpr int64_t kRotaryThreads = 128;
constexpr int64_t kNormThreads = 128;
constexpr int64_t kMaxNormThreads = 640;  // their registers fill a multiprocessor
constexpr int64_t kNormChunks = 4;        // kept by a thread
constexpr int64_t kElementwiseThreads = 128;
constexpr int64_t kGeluRows = 4;
constexpr int64_t kGeluTimesRows = 2;
constexpr int64_t kMeanThreads = 256;
constexpr int64_t kMeanColumns = 128;
constexpr int64_t kAttentionThreads = 128;
constexpr int64_t kAttentionQueries = 64;

// The hardware's limits for a grid.
constexpr int64_t kMaxBlocksX = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxBlocksY = 65535;

int64_t blocks_of(int64_t count, int64_t each) { return (count + each - 1) / each; }

int64_t whole_warps(int64_t threads) { return blocks_of(threads, kWarp) * kWarp; }

bool fits_grid(int64_t x, int64_t y) { return x <= kMaxBlocksX && y <= kMaxBlocksY; }

// Sizes are int in the kernels.
bool fits_int(int64_t size) { return size >= 0 && size <= std::numeric_limits<int32_t>::max(); }

template <typename... Pointers>
bool aligned(Pointers... pointers) {
  constexpr uintptr_t kAccess = 16;
  return ((reinterpret_cast<uintptr_t>(pointers) % kAccess == 0) && ...);
}

template <typename... Arguments>
void launch_grid(const KernelLauncher& launcher, const char* kernel, int64_t blocks_x, int64_t blocks_y,
                 int64_t threads, Arguments... arguments) {
  if (blocks_x == 0 || blocks_y == 0) return;
  std::array<void*, sizeof...(Arguments)> addresses{const_cast<void*>(static_cast<const void*>(&arguments))...};
  launcher.launch(kernel,
                  {static_cast<unsigned>(blocks_x), static_cast<unsigned>(blocks_y), static_cast<unsigned>(threads)},
                  addresses.data());
}

// Threads per block where they take a row's columns side by side.
int64_t threads_for(int64_t width) { return std::min(kElementwiseThreads, whole_warps(width / kChunk)); }

int64_t column_blocks(int64_t width) { return blocks_of(width / kChunk, threads_for(width)); }

// Threads per row: the team that can hold the row with the fewest idle chunks, and of several such the smallest.
int64_t norm_team(int64_t width) {
  const auto chunks = width / kChunk;
  int64_t best = whole_warps(chunks);
  int64_t least_idle = std::numeric_limits<int64_t>::max();
  for (int64_t each = kNormChunks; each >= 1; --each) {
    const auto team = whole_warps(blocks_of(chunks, each));
    const auto idle = team * each - chunks;
    if (team <= kMaxNormThreads && idle < least_idle) std::tie(best, least_idle) = std::tuple(team, idle);
  }
  return best;
}

}  // namespace

bool RotaryCall::fits() const {
  return head_width > 0 && head_width % (2 * kChunk) == 0 && fits_grid(rows, 1) && fits_int(2 * heads * head_width) &&
         aligned(query_key_value, cosine, sine);
}

void RotaryCall::launch(const KernelLauncher& launcher) const {
  const auto threads = std::min(kRotaryThreads, whole_warps(heads * head_width / kChunk));
  launch_grid(launcher, "rotary", rows, 1, threads, query_key_value, cosine, sine, places, static_cast<int>(heads),
              static_cast<int>(head_width));
}

bool AddNormCall::fits() const {
  return width > 0 && width % kChunk == 0 && width <= kMaxNormThreads * kNormChunks * kChunk && fits_int(rows) &&
         aligned(hidden, update, weight, bias, normal);
}

void AddNormCall::launch(const KernelLauncher& launcher) const {
  const auto team = norm_team(width);
  const auto teams = std::max(int64_t{1}, kNormThreads / team);
  launch_grid(launcher, "add_norm", blocks_of(rows, teams), 1, teams * team, hidden, update, weight, bias, normal,
              static_cast<int>(rows), static_cast<int>(width), static_cast<int>(team), epsilon,
              static_cast<int>(keeps_normal));
}

bool BiasGeluCall::fits() const {
  return width > 0 && width % kChunk == 0 && fits_int(rows) && fits_int(width) && fits_grid(1, column_blocks(width)) &&
         aligned(product, bias);
}

void BiasGeluCall::launch(const KernelLauncher& launcher) const {
  launch_grid(launcher, "bias_gelu", blocks_of(rows, kGeluRows), column_blocks(width), threads_for(width), product,
              bias, static_cast<int>(rows), static_cast<int>(width));
}

bool GeluTimesCall::fits() const {
  return width > 0 && width % kChunk == 0 && fits_int(rows) && fits_int(width) && fits_grid(1, column_blocks(width)) &&
         aligned(gated, output);
}

void GeluTimesCall::launch(const KernelLauncher& launcher) const {
  launch_grid(launcher, "gelu_times", blocks_of(rows, kGeluTimesRows), column_blocks(width), threads_for(width), gated,
              output, static_cast<int>(rows), static_cast<int>(width));
}

bool SequenceMeanCall::fits() const {
  return width > 0 && width % kChunk == 0 && fits_int(width) && fits_grid(sequences, blocks_of(width, kMeanColumns)) &&
         aligned(hidden, means);
}

void SequenceMeanCall::launch(const KernelLauncher& launcher) const {
  launch_grid(launcher, "sequence_mean", sequences, blocks_of(width, kMeanColumns), kMeanThreads, hidden, first, last,
              means, static_cast<int>(width));
}

std::string AlibiAttentionCall::kernel_for(int64_t head_width) {
  return std::string(kKernel) + "_" + std::to_string(head_width);
}

bool AlibiAttentionCall::fits() const {
  return head_width > 0 && head_width % kWidthStep == 0 && head_width <= kMaxWidth && fits_int(heads) &&
         fits_int(longest) && fits_grid(sequences * heads, blocks_of(longest, kAttentionQueries)) &&
         aligned(query_key_value, output);
}

void AlibiAttentionCall::launch(const KernelLauncher& launcher) const {
  launch_grid(launcher, kernel_for(head_width).c_str(), sequences * heads, blocks_of(longest, kAttentionQueries),
              kAttentionThreads, query_key_value, offsets, slopes, output, static_cast<int>(heads));
}

}  // namespace virnucpro
