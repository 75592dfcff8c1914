#include "model/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace virnucpro {

namespace {

// Logits that are held at a time: 64 MB of float32, more than any sequence of a thousand tokens needs for 16 heads.
constexpr int64_t kMostLogits = int64_t{1} << 24;

// In whole steps, so that pieces of a rounded length have few shapes too.
int64_t queries_at_once(int64_t heads, int64_t keys) {
  constexpr auto kStep = Placement::kLengthStep;
  return std::max(int64_t{1}, kMostLogits / (heads * keys) / kStep) * kStep;
}

// [heads, tokens, width] -> [heads, rounded, width]: zeros behind the last token.
at::Tensor padded(const at::Tensor& tokens, int64_t rounded) {
  const auto missing = rounded - tokens.size(1);
  return missing == 0 ? tokens : at::constant_pad_nd(tokens, {0, 0, 0, missing});
}

}  // namespace

at::Tensor packed_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const PackedTokens& sequences, const PositionBias& position_bias,
                            const Placement& placement) {
  const auto rows = query.size(0);
  const auto heads = query.size(1);
  const auto tokens = static_cast<int64_t>(sequences.tokens.size());
  auto output = at::empty({rows, heads, query.size(2)}, value.options());
  output.narrow(0, tokens, rows - tokens).zero_();
  const auto q = query.transpose(0, 1);
  const auto k = key.transpose(0, 1);
  const auto v = value.transpose(0, 1);
  auto out = output.transpose(0, 1);
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto begin = sequences.begin(i);
    const auto length = sequences.end(i) - begin;
    // Rounded up, queries and keys of what follows come in; their logits are overwritten, their results left out. Not
    // its values: a weight of 0 is no protection, since 0 times infinity is not 0.
    const auto rounded = placement.length_for(length);
    const auto keys = k.narrow(1, begin, rounded).transpose(1, 2);
    const auto values = padded(v.narrow(1, begin, length), rounded);
    const auto step = queries_at_once(heads, rounded);
    for (int64_t first = 0; first < length; first += step) {
      const auto count = std::min(step, rounded - first);
      auto logits = at::bmm(q.narrow(1, begin + first, count), keys).to(at::kFloat);
      if (position_bias) logits.add_(position_bias(first, count, rounded));
      if (rounded > length) {
        logits.narrow(2, length, rounded - length).fill_(-std::numeric_limits<float>::infinity());
      }
      const auto weights = at::softmax(logits, -1).to(value.scalar_type());
      const auto kept = std::min(count, length - first);
      out.narrow(1, begin + first, kept).copy_(at::bmm(weights, values).narrow(1, 0, kept));
    }
  }
  return output.view({rows, heads * query.size(2)});
}

}  // namespace virnucpro
