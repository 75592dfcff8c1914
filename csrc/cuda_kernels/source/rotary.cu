// Rotates queries and keys by their positions, in place.
//
// Must move, for rows of heads of width h and elements of s bytes: rows * heads * 2h * s read and as many written, 4 a
// row for its place; the tables once. Moves the same; each head takes its row's angles, rows * heads * 2 * 2h * 4
// bytes, from the caches.
#include "element.cuh"

// One block per row. Each thread rotates 8 pairs of one head at a time.
extern "C" __global__ void rotary(Element* query_key_value, const float* cosine, const float* sine, const int* places,
                                  int heads, int head_width) {
  const int half_width = head_width / 2;
  const int chunks = half_width / kChunk;
  Element* const row = query_key_value + static_cast<size_t>(blockIdx.x) * 3 * heads * head_width;
  const size_t angles = static_cast<size_t>(load(places + blockIdx.x, threadIdx.x != 0)) * half_width;
  for (int i = threadIdx.x; i < 2 * heads * chunks; i += blockDim.x) {
    const int column = i % chunks * kChunk;
    Element* const head = row + static_cast<size_t>(i / chunks) * head_width + column;
    const Chunk first = load_chunk(head);
    const Chunk second = load_chunk(head + half_width);
    const Chunk cosines = load_chunk(cosine + angles + column, true);
    const Chunk sines = load_chunk(sine + angles + column, true);
    Chunk turned_first;
    Chunk turned_second;
#pragma unroll
    for (int k = 0; k < kChunk; ++k) {
      turned_first.values[k] = first.values[k] * cosines.values[k] - second.values[k] * sines.values[k];
      turned_second.values[k] = second.values[k] * cosines.values[k] + first.values[k] * sines.values[k];
    }
    store_chunk(head, turned_first);
    store_chunk(head + half_width, turned_second);
  }
}
