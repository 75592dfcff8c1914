// The residual stream's addition, its norm, and the norm's cast, in one pass.
//
// Must move, for n = rows * width numbers and elements of s bytes: 4n read, s*n written; with an update s*n more read,
// and with an update or a norm that is kept 4n more written. Moves the same; every row takes the norm's weight and
// bias, 8n bytes, from the caches.
#include "element.cuh"

constexpr int kMaxChunks = 4;
constexpr int kWarp = 32;

// The partial sums of a block's warps, for two sums.
struct alignas(16) Partial {
  float sums[2][kWarp];
};

// The sum over the threads of a team, in the same order on each of them.
__device__ __forceinline__ float team_sum(float value, int team, float (&partial)[kWarp]) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(~0u, value, distance);
  if (team == kWarp) return value;
  if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = value;
  __syncthreads();
  const int warps = team / kWarp;
  const int first = threadIdx.x / team * warps;
  float sum = 0;
  for (int i = 0; i < warps; ++i) sum += partial[first + i];
  return sum;
}

// One row per team of whole warps; it stays in their registers, up to kMaxChunks chunks per thread.
extern "C" __global__ void add_norm(float* hidden, const Element* update, const float* weight, const float* bias,
                                    Element* normal, int rows, int width, int team, float epsilon, int keeps_normal) {
  auto& partial = shared<Partial>();
  const int row = blockIdx.x * (blockDim.x / team) + threadIdx.x / team;
  const int first = threadIdx.x % team * kChunk;
  const int step = team * kChunk;
  const int end = row < rows ? width : 0;  // threads without a row still reach the barriers
  const size_t begin = static_cast<size_t>(row) * width;

  Chunk sum[kMaxChunks];
  Chunk added[kMaxChunks];
#pragma unroll
  for (int i = 0; i < kMaxChunks; ++i) {
    const int column = first + i * step;
    if (column >= end) continue;
    sum[i] = load_chunk(hidden + begin + column);
    if (update != nullptr) added[i] = load_chunk(update + begin + column);
  }
  float total = 0;
#pragma unroll
  for (int i = 0; i < kMaxChunks; ++i) {
    if (first + i * step >= end) continue;
#pragma unroll
    for (int k = 0; k < kChunk; ++k) {
      if (update != nullptr) sum[i].values[k] += added[i].values[k];
      total += sum[i].values[k];
    }
  }
  const float mean = team_sum(total, team, partial.sums[0]) / static_cast<float>(width);
  float squares = 0;
#pragma unroll
  for (int i = 0; i < kMaxChunks; ++i) {
    if (first + i * step >= end) continue;
#pragma unroll
    for (int k = 0; k < kChunk; ++k) squares += (sum[i].values[k] - mean) * (sum[i].values[k] - mean);
  }
  const float variance = team_sum(squares, team, partial.sums[1]) / static_cast<float>(width);
  const float scale = 1.0f / sqrtf(variance + epsilon);

#pragma unroll
  for (int i = 0; i < kMaxChunks; ++i) {
    const int column = first + i * step;
    if (column >= end) continue;
    const Chunk weights = load_chunk(weight + column, true);
    const Chunk biases = load_chunk(bias + column, true);
    Chunk norm;
#pragma unroll
    for (int k = 0; k < kChunk; ++k) {
      norm.values[k] = (sum[i].values[k] - mean) * scale * weights.values[k] + biases.values[k];
    }
    store_chunk(normal + begin + column, norm);
    if (keeps_normal) {
      store_chunk(hidden + begin + column, norm);
    } else if (update != nullptr) {
      store_chunk(hidden + begin + column, sum[i]);
    }
  }
}
