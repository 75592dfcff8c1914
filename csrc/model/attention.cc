#include "model/attention.h"

namespace virnucpro {

std::unique_ptr<PackedAttention> make_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                const PositionEncoding& positions, const Placement& placement) {
  if (auto attention = make_kernel_attention(sequences, shape, positions, placement)) return attention;
  if (auto attention = make_alibi_attention(sequences, shape, positions, placement)) return attention;
  if (auto attention = make_flash_attention(sequences, shape, positions, placement)) return attention;
  return make_padded_attention(sequences, shape, positions, placement);
}

}  // namespace virnucpro
