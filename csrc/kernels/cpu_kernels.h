#pragma once

#include <cstddef>
#include <cstdint>

namespace virnucpro {

// The parts of a forward for which libtorch has nothing fast on a CPU, over plain memory: one sequence's head, a range
// of rows. They use no threads and no memory of their own; the callers divide the work.
//
// T below is the type that matrices are multiplied in: float, or bfloat16 as its 16 bits.

enum class ElementType { kFloat32, kBFloat16 };

// Softmax attention of one head within one sequence.
struct AttentionHead {
  // T [length] rows of `head_width`, each `row_stride` elements behind the one before; the query is scaled already.
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
  // What a logit loses for each token between query and key (ALiBi); 0 for nothing.
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
  // What stays in `hidden`: x (a norm in front of a layer's part), or y (a norm behind it).
  bool keeps_normal;
};

struct CpuKernels {
  static constexpr int64_t kWidthStep = 16;
  static constexpr int64_t kMaxHeadWidth = 256;

  // What `attend` needs to work in, in bytes.
  size_t (*scratch_bytes)(int64_t length, int64_t head_width);
  // `scratch` is aligned to 64 bytes.
  void (*attend)(const AttentionHead& head, void* scratch);
  void (*normalize)(const NormalizedRows& rows);
};

// The fastest ones that this CPU can run; null where there are none for the type.
const CpuKernels* cpu_kernels(ElementType type);

}  // namespace virnucpro
