#pragma once

#include <ATen/core/Tensor.h>

#include "model/packed_tokens.h"
#include "model/placement.h"

namespace virnucpro {

// Softmax attention within each sequence of a packed batch; no sequence sees another, so a sequence gets what it
// would get alone.
//
// query, key, value: [rows, heads, head width] with rows = placement.rows_for(tokens); query is already scaled by
// 1/sqrt(head width). position_bias: undefined, or float32 [heads, n, n] with n >= placement.length_for(longest), added
// to the logits. Returns [rows, heads * head width] in the type of `value`; rows behind the last token are 0.
at::Tensor packed_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const PackedTokens& sequences, const at::Tensor& position_bias, const Placement& placement);

}  // namespace virnucpro
