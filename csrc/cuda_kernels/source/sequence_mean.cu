// The mean over the rows of each sequence.
//
// Must move, for the n numbers of the rows that count: 4n read, 4 * sequences * width written, 8 a sequence for its
// ends. Moves the same; the blocks of a sequence take its ends from the caches.
#include "element.cuh"

constexpr int kLanes = 32;
constexpr int kGroups = 8;
constexpr int kColumns = 4;

struct alignas(16) Sums {
  float4 groups[kGroups][kLanes];
};

__device__ __forceinline__ float4 operator+(const float4& a, const float4& b) {
  return float4{a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
}

// One block per 128 columns of a sequence: each warp takes every eighth row, each lane 4 columns. The rows are added in
// the same order whatever else is in the batch.
extern "C" __global__ void sequence_mean(const float* hidden, const int* first, const int* last, float* means,
                                         int width) {
  auto& sums = shared<Sums>();
  const int lane = threadIdx.x % kLanes;
  const int group = threadIdx.x / kLanes;
  const int column = (blockIdx.y * kLanes + lane) * kColumns;
  const bool reads_ends_first = blockIdx.y == 0 && threadIdx.x == 0;
  const int begin = load(first + blockIdx.x, !reads_ends_first);
  const int end = load(last + blockIdx.x, !reads_ends_first);
  float4 sum = {0, 0, 0, 0};
  if (column < width) {
    const float* const columns = hidden + column;
#pragma unroll 8
    for (int row = begin + group; row < end; row += kGroups) {
      sum = sum + load(reinterpret_cast<const float4*>(columns + static_cast<size_t>(row) * width));
    }
  }
  sums.groups[group][lane] = sum;
  __syncthreads();
  if (group != 0 || column >= width) return;
#pragma unroll
  for (int i = 1; i < kGroups; ++i) sum = sum + sums.groups[i][lane];
  const float count = static_cast<float>(end - begin);
  store(reinterpret_cast<float4*>(means + static_cast<size_t>(blockIdx.x) * width + column),
        float4{sum.x / count, sum.y / count, sum.z / count, sum.w / count});
}
