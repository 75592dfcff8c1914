#include "model/attention.h"

#include <ATen/ATen.h>

#include <limits>

namespace virnucpro {

at::Tensor packed_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const PackedTokens& sequences, const at::Tensor& position_bias,
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
    // Rounded up, the rows of what follows come in; their weight is exactly 0.
    const auto rounded = placement.length_for(length);
    auto logits = at::bmm(q.narrow(1, begin, rounded), k.narrow(1, begin, rounded).transpose(1, 2)).to(at::kFloat);
    if (position_bias.defined()) logits.add_(position_bias.narrow(1, 0, rounded).narrow(2, 0, rounded));
    if (rounded > length) {
      logits.narrow(2, length, rounded - length).fill_(-std::numeric_limits<float>::infinity());
    }
    const auto weights = at::softmax(logits, -1).to(value.scalar_type());
    const auto mixed = at::bmm(weights, v.narrow(1, begin, rounded));
    out.narrow(1, begin, length).copy_(mixed.narrow(1, 0, length));
  }
  return output.view({rows, heads * query.size(2)});
}

}  // namespace virnucpro
