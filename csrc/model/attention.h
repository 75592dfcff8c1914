#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "model/packed_tokens.h"
#include "model/placement.h"

namespace virnucpro {

// How a token's position in its sequence enters attention; undefined tensors have no effect.
struct PositionEncoding {
  // [longest sequence or more, head width / 2] float32: the angles that queries and keys are rotated by (Su et al.
  // 2021).
  at::Tensor cosine;
  at::Tensor sine;
  // [heads] float32: how much a logit loses per token of distance between query and key (Press et al. 2022).
  at::Tensor slopes;
};

struct AttentionShape {
  int64_t heads;
  int64_t head_width;
};

// Softmax attention within each sequence of one packed batch. No sequence sees another: each gets the result that it
// would get alone, even beside one with NaN values. Memory for the logits is bounded, however long a sequence is. Made
// once per batch and used by all layers; what it was made from must outlive it.
class PackedAttention {
 public:
  PackedAttention() = default;
  PackedAttention(const PackedAttention&) = delete;
  PackedAttention& operator=(const PackedAttention&) = delete;
  virtual ~PackedAttention() = default;

  // query_key_value: [rows, 3 * heads * head width] with rows = placement.rows_for(tokens), the query already scaled by
  // 1 / sqrt(head width); it may be overwritten. Returns [rows, heads * head width] of the same type; rows after the
  // last token hold arbitrary numbers.
  virtual at::Tensor operator()(const at::Tensor& query_key_value) = 0;

  // "kernel" (one of this project's own), "flash" or "padded".
  virtual const char* backend() const = 0;
};

// The fastest of the backends below that supports this device, type and shape.
std::unique_ptr<PackedAttention> make_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                const PositionEncoding& positions, const Placement& placement);

// This addon's own kernels on the CPU; null where unsupported.
std::unique_ptr<PackedAttention> make_kernel_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                       const PositionEncoding& positions, const Placement& placement);

// This addon's own kernel for position biases (slopes) on CUDA; null where missing or unsupported.
std::unique_ptr<PackedAttention> make_alibi_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                      const PositionEncoding& positions, const Placement& placement);

// libtorch's flash attention for sequences laid end to end, on CUDA; null where unsupported.
std::unique_ptr<PackedAttention> make_flash_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                      const PositionEncoding& positions, const Placement& placement);

// Pads sequences of similar length to the same length: for every device, type and shape.
std::unique_ptr<PackedAttention> make_padded_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                       const PositionEncoding& positions, const Placement& placement);

}  // namespace virnucpro
