#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "model/packed_tokens.h"
#include "model/placement.h"

namespace virnucpro {

// How a token's place in its sequence enters attention; what is undefined does not.
struct PositionEncoding {
  // [longest sequence or more, head width / 2] float32: the angles that queries and keys are rotated by (Su et al.
  // 2021).
  at::Tensor cosine;
  at::Tensor sine;
  // [heads] float32: what a logit loses for each token between query and key (Press et al. 2022).
  at::Tensor slopes;
};

struct AttentionShape {
  int64_t heads;
  int64_t head_width;
};

// Softmax attention within each sequence of one packed batch; no sequence sees another, so a sequence gets what it
// would get alone, also beside one whose values are no numbers. The memory that it takes for the logits is bounded,
// however long a sequence is. Made once for a batch and used by all layers; what it was made from must outlive it.
class PackedAttention {
 public:
  PackedAttention() = default;
  PackedAttention(const PackedAttention&) = delete;
  PackedAttention& operator=(const PackedAttention&) = delete;
  virtual ~PackedAttention() = default;

  // query_key_value: [rows, 3 * heads * head width] with rows = placement.rows_for(tokens), the query scaled by
  // 1 / sqrt(head width) already; it may be written over. Returns [rows, heads * head width] of the same type; rows
  // behind the last token hold any numbers.
  virtual at::Tensor operator()(const at::Tensor& query_key_value) = 0;

  // "kernel" (one of this project's own), "flash" or "padded".
  virtual const char* backend() const = 0;
};

// The fastest backend below that this device has for this type and shape.
std::unique_ptr<PackedAttention> make_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                const PositionEncoding& positions, const Placement& placement);

// This addon's own kernels on the CPU; null where they cannot do it.
std::unique_ptr<PackedAttention> make_kernel_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                       const PositionEncoding& positions, const Placement& placement);

// This addon's own kernel for position biases (slopes) on CUDA; null where there is none or it cannot do it.
std::unique_ptr<PackedAttention> make_alibi_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                      const PositionEncoding& positions, const Placement& placement);

// libtorch's flash attention for sequences laid end to end, on CUDA; null where it cannot do it.
std::unique_ptr<PackedAttention> make_flash_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                      const PositionEncoding& positions, const Placement& placement);

// Sequences of like length padded to the same length: on every device, for every type and shape.
std::unique_ptr<PackedAttention> make_padded_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                       const PositionEncoding& positions, const Placement& placement);

}  // namespace virnucpro
