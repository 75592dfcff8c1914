// A gated feed-forward's middle: GELU of the first half of each row times its second half.
//
// Must move, for n = rows * width results of s bytes: 2*s*n read, s*n written. Moves the same.
#include "element.cuh"
#include "gelu.cuh"

constexpr int kRows = 2;

// Each thread takes 8 columns of a few rows, and loads them all before it computes.
extern "C" __global__ void gelu_times(const Element* gated, Element* output, int rows, int width) {
  const int column = (blockIdx.y * blockDim.x + threadIdx.x) * kChunk;
  if (column >= width) return;
  const int row = blockIdx.x * kRows;
  const int count = min(kRows, rows - row);
  Chunk gates[kRows];
  Chunk factors[kRows];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    if (i >= count) break;
    const Element* const from = gated + static_cast<size_t>(row + i) * 2 * width + column;
    gates[i] = load_chunk(from);
    factors[i] = load_chunk(from + width);
  }
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    if (i >= count) break;
#pragma unroll
    for (int k = 0; k < kChunk; ++k) gates[i].values[k] = gelu(gates[i].values[k]) * factors[i].values[k];
    store_chunk(output + static_cast<size_t>(row + i) * width + column, gates[i]);
  }
}
