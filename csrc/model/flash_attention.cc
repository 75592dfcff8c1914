#include <ATen/ATen.h>

#include <algorithm>

#include "model/attention.h"
#include "model/rotary.h"

namespace virnucpro {

namespace {

// libtorch's build of it knows these types, head widths in steps of 8, no position bias (ALiBi is not compiled in).
constexpr int64_t kWidthStep = 8;
constexpr int64_t kWidest = 256;

class FlashAttention final : public PackedAttention {
 public:
  FlashAttention(const PackedTokens& sequences, const AttentionShape& shape, const PositionEncoding& positions,
                 const Placement& placement)
      : shape_(shape), longest_(sequences.longest()), tokens_(static_cast<int64_t>(sequences.tokens.size())) {
    offsets_ = at::empty({sequences.sequences() + 1}, at::kInt);
    std::copy(sequences.offsets.begin(), sequences.offsets.end(), offsets_.mutable_data_ptr<int32_t>());
    offsets_ = offsets_.to(placement.device);
    if (positions.cosine.defined()) {
      const auto places = sequences.positions(placement.device, tokens_);
      cosine_ = positions.cosine.index_select(0, places).unsqueeze(1);
      sine_ = positions.sine.index_select(0, places).unsqueeze(1);
    }
  }

  at::Tensor operator()(const at::Tensor& query_key_value) override {
    const auto heads = query_key_value.view({tokens_, 3, shape_.heads, shape_.head_width});
    auto query = heads.select(1, 0);
    auto key = heads.select(1, 1);
    if (cosine_.defined()) {
      query = rotate(query, cosine_, sine_);
      key = rotate(key, cosine_, sine_);
    }
    const auto output = std::get<0>(at::_flash_attention_forward(query, key, heads.select(1, 2), offsets_, offsets_,
                                                                 longest_, longest_, 0.0, false, false, 1.0));
    return output.reshape({tokens_, shape_.heads * shape_.head_width});
  }

 private:
  const AttentionShape shape_;
  const int64_t longest_;
  const int64_t tokens_;
  at::Tensor offsets_;  // [sequences + 1] int32
  at::Tensor cosine_;   // [tokens, 1, head width / 2]
  at::Tensor sine_;
};

}  // namespace

std::unique_ptr<PackedAttention> make_flash_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                      const PositionEncoding& positions, const Placement& placement) {
  const bool type = placement.dtype == at::kHalf || placement.dtype == at::kBFloat16;
  const bool width = shape.head_width % kWidthStep == 0 && shape.head_width <= kWidest;
  // The same devices that multiply bfloat16 have it: compute capability 8 or later.
  if (!placement.device.is_cuda() || !placement.multiplies_bf16 || !type || !width || positions.slopes.defined())
    return nullptr;
  return std::make_unique<FlashAttention>(sequences, shape, positions, placement);
}

}  // namespace virnucpro
