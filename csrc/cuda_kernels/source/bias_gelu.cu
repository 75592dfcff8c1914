// GELU of a matrix product and its bias, in place.
//
// Must move, for n = rows * width elements of s bytes: s*n read, s*n written, the bias once. Moves the same; the bias
// is read from the caches, once per four rows.
#include "element.cuh"
#include "gelu.cuh"

constexpr int kRows = 4;

// Each thread takes 8 columns of a few rows, and loads them all before it computes.
extern "C" __global__ void bias_gelu(Element* product, const Element* bias, int rows, int width) {
  const int column = (blockIdx.y * blockDim.x + threadIdx.x) * kChunk;
  if (column >= width) return;
  const int row = blockIdx.x * kRows;
  Element* const first = product + static_cast<size_t>(row) * width + column;
  const int count = min(kRows, rows - row);
  Chunk values[kRows];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    if (i < count) values[i] = load_chunk(first + static_cast<size_t>(i) * width);
  }
  Chunk added = {};
  if (bias != nullptr) added = load_chunk(bias + column, true);
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    if (i >= count) break;
#pragma unroll
    for (int k = 0; k < kChunk; ++k) values[i].values[k] = gelu(values[i].values[k] + added.values[k]);
    store_chunk(first + static_cast<size_t>(i) * width, values[i]);
  }
}
