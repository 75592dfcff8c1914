#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "model/packed_tokens.h"
#include "model/placement.h"

namespace virnucpro {

// What is added to the logits of the queries [first, first + count) of a sequence whose keys are `length`: float32
// [heads, count, length].
using PositionBias = std::function<at::Tensor(int64_t first, int64_t count, int64_t length)>;

// Softmax attention within each sequence of a packed batch; no sequence sees another, so a sequence gets what it
// would get alone, also beside one whose values are no numbers. The memory that it takes for the logits is bounded,
// however long a sequence is.
//
// query, key, value: [rows, heads, head width] with rows = placement.rows_for(tokens); query is already scaled by
// 1/sqrt(head width). position_bias: may be empty; asked with length = placement.length_for(a sequence's tokens).
// Returns [rows, heads * head width] in the type of `value`; rows behind the last token are 0.
at::Tensor packed_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const PackedTokens& sequences, const PositionBias& position_bias,
                            const Placement& placement);

}  // namespace virnucpro
