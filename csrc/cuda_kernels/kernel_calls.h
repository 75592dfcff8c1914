#pragma once

#include <cstdint>
#include <string>

#include "cuda_kernels/launcher.h"

namespace virnucpro {

// Calls of kernels: each struct holds the arguments of one, in device memory. T is the launcher's element type. If
// fits() is false the kernel must not be launched; libtorch's operators compute the same.

// Rotates the pairs (i, i + half) of queries and keys in place, in float32 (Su et al. 2021).
struct RotaryCall {
  void* query_key_value;  // T [rows, 3, heads, head width]
  const float* cosine;    // [longest sequence or more, head width / 2]
  const float* sine;
  const int32_t* places;  // [rows] every row's position in its own sequence
  int64_t rows;
  int64_t heads;
  int64_t head_width;

  bool fits() const;
  void launch(const KernelLauncher& launcher) const;
};

// normal = norm(hidden + update), in float32.
struct AddNormCall {
  float* hidden;        // [rows, width]; receives the sum
  const void* update;   // T [rows, width]; null: nothing is added
  const float* weight;  // [width]
  const float* bias;
  void* normal;  // T [rows, width]
  int64_t rows;
  int64_t width;
  float epsilon;
  // Whether `hidden` receives the norm, in float32, instead of the sum.
  bool keeps_normal;

  bool fits() const;
  void launch(const KernelLauncher& launcher) const;
};

// product = gelu(product + bias) in place, with erf, in float32.
struct BiasGeluCall {
  void* product;     // T [rows, width]
  const void* bias;  // T [width]; null: none
  int64_t rows;
  int64_t width;

  bool fits() const;
  void launch(const KernelLauncher& launcher) const;
};

// output = gelu(first half of a row) * its second half, with erf, in float32.
struct GeluTimesCall {
  const void* gated;  // T [rows, 2 * width]
  void* output;       // T [rows, width]
  int64_t rows;
  int64_t width;

  bool fits() const;
  void launch(const KernelLauncher& launcher) const;
};

// The mean over some rows of each sequence, always added in the same order.
struct SequenceMeanCall {
  const float* hidden;   // [rows, width]
  const int32_t* first;  // [sequences] a sequence's first row
  const int32_t* last;   // [sequences] one past its last row; above `first`
  float* means;          // [sequences, width]
  int64_t sequences;
  int64_t width;

  bool fits() const;
  void launch(const KernelLauncher& launcher) const;
};

// Softmax attention within each sequence of a packed batch. With slopes, a logit loses its head's slope per token of
// distance between query and key (Press et al. 2022).
struct AlibiAttentionCall {
  static constexpr const char* kKernel = "alibi_attention";
  static constexpr int64_t kWidthStep = 16;
  static constexpr int64_t kMaxWidth = 128;
  // The name of the kernel for heads of this width; each is compiled for one width.
  static std::string kernel_for(int64_t head_width);

  const void* query_key_value;  // T [rows, 3, heads, head width], the query already scaled
  const int32_t* offsets;       // [sequences + 1] the row that each sequence begins at
  const float* slopes;          // [heads]; null: none
  void* output;                 // T [rows, heads * head width]
  int64_t sequences;
  int64_t longest;
  int64_t heads;
  int64_t head_width;

  bool fits() const;
  void launch(const KernelLauncher& launcher) const;
};

}  // namespace virnucpro
