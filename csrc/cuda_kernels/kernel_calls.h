#pragma once

#include <cstdint>
#include <string>

#include "cuda_kernels/launcher.h"

namespace virnucpro {

// The kernels as calls: each holds the arguments of one, over memory of the device. T is the launcher's element type.
// Where fits() is false the kernel must not be launched, and libtorch's operators do the same.

// Rotates the pairs (i, i + half) of queries and keys in place, in float32 (Su et al. 2021).
struct RotaryCall {
  void* query_key_value;  // T [rows, 3, heads, head width]
  const float* cosine;    // [longest sequence or more, head width / 2]
  const float* sine;
  const int32_t* places;  // [rows] every row's place in its own sequence
  int64_t rows;
  int64_t heads;
  int64_t head_width;

  bool fits() const;
  void launch(const KernelLauncher& launcher) const;
};

// normal = norm(hidden + update), in float32.
struct AddNormCall {
  float* hidden;        // [rows, width]; the sum is left in it
  const void* update;   // T [rows, width]; null: nothing is added
  const float* weight;  // [width]
  const float* bias;
  void* normal;  // T [rows, width]
  int64_t rows;
  int64_t width;
  float epsilon;
  // Whether the norm, in float32, is left in `hidden` instead of the sum.
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

// The mean over some rows of each sequence, which are added in the same order every time.
struct SequenceMeanCall {
  const float* hidden;   // [rows, width]
  const int32_t* first;  // [sequences] a sequence's first row
  const int32_t* last;   // [sequences] the one behind its last; at least one row further
  float* means;          // [sequences, width]
  int64_t sequences;
  int64_t width;

  bool fits() const;
  void launch(const KernelLauncher& launcher) const;
};

// Softmax attention within each sequence of a packed batch. With slopes, a logit loses so much for each token between
// query and key (Press et al. 2022).
struct AlibiAttentionCall {
  static constexpr const char* kKernel = "alibi_attention";
  static constexpr int64_t kWidthStep = 16;
  static constexpr int64_t kMaxWidth = 128;
  // The kernel for heads of this width: it is compiled for one.
  static std::string kernel_for(int64_t head_width);

  const void* query_key_value;  // T [rows, 3, heads, head width], the query scaled already
  const int32_t* offsets;       // [sequences + 1] the row that a sequence begins with
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
