// Softmax attention within each sequence of a packed batch, with ALiBi (Press et al. 2022) or without.
//
// Must move, for n = rows * heads * head width elements of s bytes: 3 * s*n read, s*n written. Moves the same, and
// reads a sequence's keys and values once more from the caches for every 64 of its queries (32 without tensor cores)
// after the first ones; each block reads the ends of its sequence from there too.
#include "attention_head.cuh"
#include "element.cuh"

#if defined(TENSOR_CORES_SINCE) && __CUDA_ARCH__ >= TENSOR_CORES_SINCE
#include "tensor_core_attention.cuh"
#else
#include "plain_attention.cuh"
#endif

// grid_x: every head of every sequence; grid_y: 64 queries each, up to the length of the longest sequence.
extern "C" __global__ void alibi_attention(const Element* query_key_value, const int* offsets, const float* slopes,
                                           Element* output, int heads) {
  const int sequence = blockIdx.x / heads;
  const int head = blockIdx.x % heads;
  const int begin = load(offsets + sequence, true);
  const int length = load(offsets + sequence + 1, true) - begin;
  if (static_cast<int>(blockIdx.y) * kQueries >= length) return;
  const float slope = slopes == nullptr ? 0.0f : load(slopes + head, true);
  const size_t width = static_cast<size_t>(heads) * HEAD_WIDTH;
  const Element* const query = query_key_value + begin * 3 * width + head * HEAD_WIDTH;
  attend(Head{query, query + width, query + 2 * width, 3 * width, output + begin * width + head * HEAD_WIDTH, width,
              length, slope});
}
