#pragma once

#include <ATen/core/Tensor.h>

#include "model/packed_tokens.h"

namespace virnucpro {

// Softmax attention within each sequence of a packed batch; no sequence sees another, so a sequence gets what it
// would get alone.
//
// query, key, value: [tokens, heads, head width]; query is already scaled by 1/sqrt(head width).
// position_bias: undefined, or float32 [heads, longest, longest], added to the logits.
// Returns [tokens, heads * head width] in the type of `value`.
at::Tensor packed_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const PackedTokens& sequences, const at::Tensor& position_bias);

}  // namespace virnucpro
