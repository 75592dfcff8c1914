#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace virnucpro {

// softmax(q k^T + mask) v, with q already scaled. q [sequences, heads, queries, head width], k and v
// [sequences, heads, keys, head width], mask [sequences, heads or 1, queries or 1, keys] of the same type; on CUDA the
// number of keys is a multiple of kKeyStep. Returns [sequences, heads, queries, head width].
at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask);

// On CUDA the rows of a mask must be a multiple of this: 16 bytes of a half type.
inline constexpr int64_t kKeyStep = 8;

}  // namespace virnucpro
