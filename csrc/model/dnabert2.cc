#include "model/dnabert2.h"

#include <ATen/ATen.h>

#include <cmath>
#include <string>

#include "model/alibi.h"

namespace virnucpro {

namespace {

// Longer sequences than the usual ones get their bias anew in every layer: kept, it would grow with their square.
constexpr int64_t kLongestKept = 1024;

}  // namespace

Dnabert2::Dnabert2(const DnabertArchitecture& architecture, ParameterMap parameters, const Placement& placement)
    : architecture_(architecture), placement_(placement) {
  const auto width = architecture.width;
  const double query_scale = 1.0 / std::sqrt(static_cast<double>(width / architecture.heads));
  const auto norm = [&](const std::string& name) {
    return LayerNorm(take(parameters, name + ".weight"), take(parameters, name + ".bias"),
                     architecture.layer_norm_epsilon, placement);
  };
  embedding_ = placement.vector(take(parameters, "word_embeddings.weight"))
                   .add(placement.vector(take(parameters, "token_type_embeddings.weight")).select(0, 0));
  embedding_norm_ = norm("embedding_norm");
  slopes_ = placement.vector(at::tensor(alibi_slopes(architecture.heads))).neg().view({-1, 1, 1});
  for (int64_t i = 0; i < architecture.layers; ++i) {
    const auto prefix = "layers." + std::to_string(i) + ".";
    const auto linear = [&](const std::string& name) {
      return Linear(take(parameters, prefix + name + ".weight"), take(parameters, prefix + name + ".bias"), placement);
    };
    // The scale of the logits goes into the query's weights, in float32, before they are cast.
    const auto scaled = [&](const std::string& kind) {
      auto fused = take(parameters, prefix + "query_key_value." + kind).to(at::kFloat).clone();
      fused.narrow(0, 0, width).mul_(query_scale);
      return fused;
    };
    layers_.push_back({Linear(scaled("weight"), scaled("bias"), placement), linear("attention_output"),
                       norm(prefix + "attention_norm"),
                       Linear(take(parameters, prefix + "gated.weight"), {}, placement), linear("down"),
                       norm(prefix + "output_norm")});
  }
}

at::Tensor Dnabert2::position_bias(int64_t first, int64_t count, int64_t length) {
  if (length > kLongestKept) return distance_bias(first, count, length);
  if (!position_bias_.defined() || position_bias_.size(1) < length) position_bias_ = distance_bias(0, length, length);
  return position_bias_.narrow(1, first, count).narrow(2, 0, length);
}

at::Tensor Dnabert2::distance_bias(int64_t first, int64_t count, int64_t length) const {
  const auto positions = at::arange(length, slopes_.options());
  const auto distance = positions.unsqueeze(0).sub(positions.narrow(0, first, count).unsqueeze(1)).abs_();
  return distance.unsqueeze(0).mul(slopes_);
}

at::Tensor Dnabert2::attend(const Layer& layer, const PackedTokens& sequences, const PositionBias& bias,
                            const at::Tensor& hidden) const {
  const auto head_width = architecture_.width / architecture_.heads;
  const auto heads =
      layer.query_key_value(hidden.to(placement_.dtype)).view({hidden.size(0), 3, architecture_.heads, head_width});
  const auto mixed =
      packed_attention(heads.select(1, 0), heads.select(1, 1), heads.select(1, 2), sequences, bias, placement_);
  return layer.attention_norm(layer.attention_output(mixed).to(at::kFloat).add_(hidden));
}

at::Tensor Dnabert2::feed_forward(const Layer& layer, const at::Tensor& hidden) const {
  const auto both = layer.gated(hidden.to(placement_.dtype));
  const auto half = architecture_.feed_forward;
  auto wide = at::gelu(both.narrow(1, 0, half)).mul_(both.narrow(1, half, half));
  return layer.output_norm(layer.down(wide).to(at::kFloat).add_(hidden));
}

at::Tensor Dnabert2::forward(const PackedTokens& sequences, std::vector<at::Tensor>* layers) {
  const auto tokens = static_cast<int64_t>(sequences.tokens.size());
  const auto ids = sequences.ids(placement_.device, placement_.rows_for(tokens));
  auto hidden = embedding_norm_(embedding_.index_select(0, ids));
  const auto bias = [this](int64_t first, int64_t count, int64_t length) {
    return position_bias(first, count, length);
  };
  if (layers != nullptr) layers->push_back(hidden.narrow(0, 0, tokens));
  for (const auto& layer : layers_) {
    hidden = feed_forward(layer, attend(layer, sequences, bias, hidden));
    if (layers != nullptr) layers->push_back(hidden.narrow(0, 0, tokens));
  }
  return hidden.narrow(0, 0, tokens);
}

int64_t Dnabert2::weight_bytes() const {
  int64_t bytes = bytes_of(embedding_) + embedding_norm_.bytes();
  for (const auto& layer : layers_) {
    bytes += layer.query_key_value.bytes() + layer.attention_output.bytes() + layer.attention_norm.bytes() +
             layer.gated.bytes() + layer.down.bytes() + layer.output_norm.bytes();
  }
  return bytes;
}

}  // namespace virnucpro
