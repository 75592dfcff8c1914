// What both implementations of attention share.
#include "element.cuh"

constexpr int kQueries = 64;  // of a block
constexpr int kThreads = 128;
constexpr int kWarp = 32;
constexpr float kLog2E = 1.44269504f;

// One head of one sequence.
struct Head {
  const Element* query;
  const Element* key;
  const Element* value;
  size_t row_step;  // from one token's elements to the next token's
  Element* output;
  size_t output_step;
  int length;
  float slope;
};

__device__ __forceinline__ float infinity() { return __uint_as_float(0x7f800000u); }

// e^(logit - largest so far). A row that has had no finite logit yet stays 0 that way.
__device__ __forceinline__ float exponential(float logit, float largest) {
  return exp2f((logit - (largest == -infinity() ? 0.0f : largest)) * kLog2E);
}
