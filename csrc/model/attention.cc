#include "model/attention.h"

#include <ATen/ATen.h>

namespace virnucpro {

at::Tensor packed_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const PackedTokens& sequences, const at::Tensor& position_bias) {
  const auto heads = query.size(1);
  const auto head_width = query.size(2);
  auto output = at::empty({query.size(0), heads, head_width}, value.options());
  const auto q = query.transpose(0, 1);
  const auto k = key.transpose(0, 1);
  const auto v = value.transpose(0, 1);
  auto out = output.transpose(0, 1);
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto begin = sequences.begin(i);
    const auto length = sequences.end(i) - begin;
    auto logits = at::bmm(q.narrow(1, begin, length), k.narrow(1, begin, length).transpose(1, 2)).to(at::kFloat);
    if (position_bias.defined()) {
      logits.add_(position_bias.narrow(1, 0, length).narrow(2, 0, length));
    }
    const auto weights = at::softmax(logits, -1).to(value.scalar_type());
    out.narrow(1, begin, length).copy_(at::bmm(weights, v.narrow(1, begin, length)));
  }
  return output.view({query.size(0), heads * head_width});
}

}  // namespace virnucpro
