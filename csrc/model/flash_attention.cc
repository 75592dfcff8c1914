#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include <optional>

#include "model/attention.h"
#include "model/operator_probe.h"
#include "model/rotary.h"
#include "model/token_tensors.h"

namespace virnucpro {

namespace {

// libtorch's build supports half types, head widths in steps of 8, and no position bias (ALiBi is not compiled in).
constexpr int64_t kWidthStep = 8;
constexpr int64_t kMaxWidth = 256;

class FlashAttention final : public PackedAttention {
 public:
  FlashAttention(const PackedTokens& sequences, const AttentionShape& shape, const PositionEncoding& positions,
                 const Placement& placement)
      : shape_(shape),
        longest_(sequences.longest()),
        tokens_(static_cast<int64_t>(sequences.tokens.size())),
        offsets_(sequence_offsets(sequences, placement.device)) {
    if (positions.cosine.defined()) {
      rotation_.emplace(positions, token_positions(sequences, placement.device, tokens_), placement);
    }
  }

  const char* backend() const override { return "flash"; }

  at::Tensor operator()(const at::Tensor& query_key_value) override {
    const auto heads = query_key_value.view({tokens_, 3, shape_.heads, shape_.head_width});
    if (rotation_) rotation_->rotate(heads);
    const auto output =
        std::get<0>(at::_flash_attention_forward(heads.select(1, 0), heads.select(1, 1), heads.select(1, 2), offsets_,
                                                 offsets_, longest_, longest_, 0.0, false, false, 1.0));
    return output.reshape({tokens_, shape_.heads * shape_.head_width});
  }

 private:
  const AttentionShape shape_;
  const int64_t longest_;
  const int64_t tokens_;
  const at::Tensor offsets_;
  std::optional<Rotation> rotation_;
};

void try_flash_attention(const Placement& placement, int64_t head_width) {
  const auto options = at::TensorOptions(placement.device).dtype(placement.dtype);
  const auto one = at::zeros({1, 1, head_width}, options);
  const auto offsets = at::arange(2, options.dtype(at::kInt));
  at::_flash_attention_forward(one, one, one, offsets, offsets, 1, 1, 0.0, false, false, 1.0);
}

}  // namespace

std::unique_ptr<PackedAttention> make_flash_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                      const PositionEncoding& positions, const Placement& placement) {
  const bool type = placement.dtype == at::kHalf || placement.dtype == at::kBFloat16;
  const bool width = shape.head_width % kWidthStep == 0 && shape.head_width <= kMaxWidth;
  // Supported by the devices that multiply bfloat16: compute capability 8 or later.
  if (!placement.device.is_cuda() || !placement.multiplies_bf16 || !type || !width || positions.slopes.defined())
    return nullptr;
  // Tried once: one model has one head width, and the GPUs of a process share one libtorch.
  static const bool there = libtorch_can([&] { try_flash_attention(placement, shape.head_width); });
  if (!there) {
    TORCH_WARN("This libtorch has no flash attention: the protein model's attention is padded, which is slower");
    return nullptr;
  }
  return std::make_unique<FlashAttention>(sequences, shape, positions, placement);
}

}  // namespace virnucpro
