#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/packed_tokens.h"

namespace virnucpro {

// [rows] int64 on the device; rows after the last token hold id 0.
at::Tensor token_ids(const PackedTokens& sequences, at::Device device, int64_t rows);
// [rows] int64 on the device: each token's position in its own sequence, from 0; 0 after the last token.
at::Tensor token_positions(const PackedTokens& sequences, at::Device device, int64_t rows);
// [sequences + 1] int32 on the device: where each sequence begins and, last, the number of tokens.
at::Tensor sequence_offsets(const PackedTokens& sequences, at::Device device);

}  // namespace virnucpro
