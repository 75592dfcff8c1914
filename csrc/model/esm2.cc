#include "model/esm2.h"

#include <ATen/ATen.h>

#include <cmath>
#include <string>

#include "model/attention.h"

namespace virnucpro {

namespace {

constexpr double kLayerNormEpsilon = 1e-5;
// Token dropout at inference when nothing is masked: 1 - 0.15 * 0.8 (fair-esm, esm/model/esm2.py).
constexpr double kEmbeddingScale = 0.88;
constexpr double kRotaryBase = 10000.0;

}  // namespace

Esm2::Esm2(const Esm2Architecture& architecture, ParameterMap parameters, const Placement& placement)
    : architecture_(architecture), placement_(placement) {
  const auto head_width = architecture.width / architecture.heads;
  const double query_scale = 1.0 / std::sqrt(static_cast<double>(head_width));
  embedding_ = placement.vector(take(parameters, "embed_tokens.weight")).mul(kEmbeddingScale);
  for (int64_t i = 0; i < architecture.layers; ++i) {
    const auto parameter = [&](const std::string& name) {
      return take(parameters, "layers." + std::to_string(i) + "." + name);
    };
    const auto linear = [&](const std::string& name) {
      return Linear(parameter(name + ".weight"), parameter(name + ".bias"), placement);
    };
    const auto norm = [&](const std::string& name) {
      return LayerNorm(parameter(name + ".weight"), parameter(name + ".bias"), kLayerNormEpsilon, placement);
    };
    // The scale of the logits goes into the query's weights, in float32, before they are cast.
    const auto fused = [&](const std::string& kind) {
      return at::cat({parameter("query." + kind).to(at::kFloat).mul(query_scale),
                      parameter("key." + kind).to(at::kFloat), parameter("value." + kind).to(at::kFloat)});
    };
    layers_.push_back({norm("attention_norm"), Linear(fused("weight"), fused("bias"), placement),
                       linear("attention_output"), norm("feed_forward_norm"), linear("up"), linear("down")});
  }
  final_norm_ = LayerNorm(take(parameters, "final_norm.weight"), take(parameters, "final_norm.bias"), kLayerNormEpsilon,
                          placement);
}

Esm2::Rotary Esm2::rotary(const PackedTokens& sequences, int64_t rows) {
  const auto half = architecture_.width / architecture_.heads / 2;
  const auto longest = sequences.longest();
  if (!rotary_angles_.defined() || rotary_angles_.size(0) < longest) {
    const auto options = at::TensorOptions(placement_.device).dtype(at::kFloat);
    const auto frequencies = at::pow(kRotaryBase, at::arange(half, options).mul(-1.0 / static_cast<double>(half)));
    rotary_angles_ = at::outer(at::arange(longest, options), frequencies);
  }
  const auto angles = rotary_angles_.index_select(0, sequences.positions(placement_.device, rows)).unsqueeze(1);
  return {angles.cos(), angles.sin()};
}

namespace {

// Rotates the pairs (i, i + half) of every head in float32: [tokens, heads, head width] -> the same type and shape.
at::Tensor rotate(const at::Tensor& heads, const at::Tensor& cosine, const at::Tensor& sine) {
  const auto half = heads.size(2) / 2;
  const auto first = heads.narrow(2, 0, half).to(at::kFloat);
  const auto second = heads.narrow(2, half, half).to(at::kFloat);
  return at::cat({first * cosine - second * sine, second * cosine + first * sine}, 2).to(heads.scalar_type());
}

}  // namespace

void Esm2::attend(const Layer& layer, const PackedTokens& sequences, const Rotary& rotary, at::Tensor& residual) const {
  const auto normal = layer.attention_norm(residual).to(placement_.dtype);
  const auto head_width = architecture_.width / architecture_.heads;
  const auto heads = layer.query_key_value(normal).view({residual.size(0), 3, architecture_.heads, head_width});
  const auto query = rotate(heads.select(1, 0), rotary.cosine, rotary.sine);
  const auto key = rotate(heads.select(1, 1), rotary.cosine, rotary.sine);
  const auto mixed = packed_attention(query, key, heads.select(1, 2), sequences, {}, placement_);
  residual.add_(layer.attention_output(mixed));
}

void Esm2::feed_forward(const Layer& layer, at::Tensor& residual) const {
  const auto normal = layer.feed_forward_norm(residual).to(placement_.dtype);
  auto wide = layer.up(normal);
  at::gelu_(wide);
  residual.add_(layer.down(wide));
}

at::Tensor Esm2::forward(const PackedTokens& sequences, std::vector<at::Tensor>* layers) {
  const auto tokens = static_cast<int64_t>(sequences.tokens.size());
  const auto rows = placement_.rows_for(tokens);
  auto residual = embedding_.index_select(0, sequences.ids(placement_.device, rows));
  const auto positions = rotary(sequences, rows);
  for (const auto& layer : layers_) {
    if (layers != nullptr) layers->push_back(residual.narrow(0, 0, tokens).clone());
    attend(layer, sequences, positions, residual);
    feed_forward(layer, residual);
  }
  auto hidden = final_norm_(residual.narrow(0, 0, tokens));
  if (layers != nullptr) layers->push_back(hidden);
  return hidden;
}

int64_t Esm2::weight_bytes() const {
  int64_t bytes = bytes_of(embedding_) + final_norm_.bytes();
  for (const auto& layer : layers_) {
    bytes += layer.attention_norm.bytes() + layer.query_key_value.bytes() + layer.attention_output.bytes() +
             layer.feed_forward_norm.bytes() + layer.up.bytes() + layer.down.bytes();
  }
  return bytes;
}

}  // namespace virnucpro
