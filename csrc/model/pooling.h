#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "archive/architecture.h"
#include "model/packed_tokens.h"
#include "model/placement.h"

namespace virnucpro {

// The tokens whose states are pooled into the embedding of a sequence.
struct PooledTokens {
  int64_t skipped_front = 0;
  int64_t skipped_back = 0;
  int64_t max_tokens = INT64_MAX;

  int64_t shortest_sequence() const { return skipped_front + skipped_back + 1; }
};

// ESM-2: residues only (no <cls>, no <eos>), at most the first 1024. DNABERT: every token, [CLS] and [SEP] included.
PooledTokens pooled_tokens(const Architecture& architecture);

// What becomes of the states of a layer: the mean or the largest value, column by column, of each sequence's pooled
// tokens; the state of its first token, whether that is pooled or not; or the states of all tokens as they are.
enum class Pool { kMean, kCls, kMax, kTokens };

// [sequences, width] float32: the mean over each sequence's pooled tokens. `hidden`: [tokens, width] float32.
at::Tensor mean_embedding(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled,
                          const Placement& placement);

// [sequences, width] float32, or `hidden` itself for kTokens.
at::Tensor pool_states(Pool pool, const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled,
                       const Placement& placement);

}  // namespace virnucpro
