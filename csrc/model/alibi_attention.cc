#include <optional>
#include <utility>

#include "model/attention.h"
#include "model/token_tensors.h"

namespace virnucpro {

namespace {

class AlibiAttention final : public PackedAttention {
 public:
  AlibiAttention(const PackedTokens& sequences, const AttentionShape& shape, const PositionEncoding& positions,
                 const Placement& placement)
      : shape_(shape),
        longest_(sequences.longest()),
        offsets_(sequence_offsets(sequences, placement.device)),
        slopes_(positions.slopes),
        kernels_(placement.kernels) {}

  const char* backend() const override { return "kernel"; }

  at::Tensor operator()(const at::Tensor& query_key_value) override {
    const auto heads = query_key_value.view({query_key_value.size(0), 3, shape_.heads, shape_.head_width});
    return kernels_->alibi_attention(heads, offsets_, slopes_, longest_);
  }

 private:
  const AttentionShape shape_;
  const int64_t longest_;
  const at::Tensor offsets_;
  const at::Tensor slopes_;
  const std::shared_ptr<const DeviceKernels> kernels_;
};

}  // namespace

std::unique_ptr<PackedAttention> make_alibi_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                      const PositionEncoding& positions, const Placement& placement) {
  if (!placement.kernels || !positions.slopes.defined()) return nullptr;
  const auto& kernels = *placement.kernels;
  if (!kernels.attends_alibi(sequences.sequences(), sequences.longest(), shape.heads, shape.head_width)) return nullptr;
  return std::make_unique<AlibiAttention>(sequences, shape, positions, placement);
}

}  // namespace virnucpro
