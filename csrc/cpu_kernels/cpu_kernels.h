#pragma once

#include <cstddef>
#include <cstdint>

namespace virnucpro {

// The parts of a forward pass for which libtorch has nothing fast on a CPU, on plain memory: one head of one sequence,
// or a range of rows. They start no threads and allocate no memory; the callers divide the work.
//
// T below is the type that matrices are multiplied in: float, or bfloat16 as its 16 bits.

enum class ElementType { kFloat32, kBFloat16 };

// Softmax attention of one head within one sequence.
struct AttentionHead {
  // T [length] rows of `head_width`, each `row_stride` elements after the one before; the query is already scaled.
  const void* query;
  const void* key;
  const void* value;
  int64_t row_stride;
  // T [length] rows of `head_width`.
  void* output;
  int64_t output_stride;
  int64_t length;
  int64_t head_width;
  // [length, head_width / 2] float32: query and key are rotated by these angles. Null: they are not.
  const float* cosine;
  const float* sine;
  // How much a logit loses per token of distance between query and key (ALiBi); 0 for nothing.
  float slope;
};

// y = norm(x) with x = hidden + update, over rows of `width` values, a multiple of kWidthStep.
struct NormalizedRows {
  float* hidden;
  // T; null: nothing is added.
  const void* update;
  const float* weight;
  const float* bias;
  float epsilon;
  // T: receives y.
  void* normal;
  int64_t rows;
  int64_t width;
  // Whether `hidden` keeps y (post-norm) instead of x (pre-norm).
  bool keeps_normal;
};

struct CpuKernels {
  static constexpr int64_t kWidthStep = 16;
  static constexpr int64_t kMaxHeadWidth = 256;

  // Bytes of scratch memory that `attend` needs.
  size_t (*scratch_bytes)(int64_t length, int64_t head_width);
  // `scratch` is aligned to 64 bytes.
  void (*attend)(const AttentionHead& head, void* scratch);
  void (*normalize)(const NormalizedRows& rows);
};

// The fastest kernels that this CPU can run; null if there are none for the type.
const CpuKernels* cpu_kernels(ElementType type);

}  // namespace virnucpro
