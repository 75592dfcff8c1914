#include "model/esm2.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <cmath>
#include <string>

#include "model/rotary.h"
#include "model/token_tensors.h"

namespace virnucpro {

namespace {

constexpr double kLayerNormEpsilon = 1e-5;
// Token dropout at inference when nothing is masked: 1 - 0.15 * 0.8 (fair-esm, esm/model/esm2.py).
constexpr double kEmbeddingScale = 0.88;
// Longer sequences, which no window has, get new rotary angles for every batch.
constexpr int64_t kUsualLength = 2048;

}  // namespace

Esm2::Esm2(const Esm2Architecture& architecture, LoadedParameters& parameters, const Placement& placement)
    : placement_(placement), shape_{architecture.heads, architecture.width / architecture.heads} {
  const double query_scale = 1.0 / std::sqrt(static_cast<double>(shape_.head_width));
  positions_ = rotary_positions(kUsualLength, shape_.head_width, placement.device);
  embedding_ = placement.vector(parameters.take("embed_tokens.weight")).mul(kEmbeddingScale);
  for (int64_t i = 0; i < architecture.layers; ++i) {
    const auto parameter = [&](const std::string& name) {
      return parameters.take("layers." + std::to_string(i) + "." + name);
    };
    const auto linear = [&](const std::string& name) {
      return Linear(parameter(name + ".weight"), parameter(name + ".bias"), placement);
    };
    const auto norm = [&](const std::string& name) {
      return LayerNorm(parameter(name + ".weight"), parameter(name + ".bias"), kLayerNormEpsilon, placement);
    };
    // The scale of the logits goes into the query's weights, in float32, before they are cast.
    const auto fused = [&](const std::string& kind) {
      const auto part = [&](const char* projection) { return placement.vector(parameter(projection + kind)); };
      return at::cat({part("query.").mul(query_scale), part("key."), part("value.")});
    };
    layers_.push_back({norm("attention_norm"), Linear(fused("weight"), fused("bias"), placement),
                       linear("attention_output"), norm("feed_forward_norm"), linear("up"), linear("down")});
  }
  final_norm_ =
      LayerNorm(parameters.take("final_norm.weight"), parameters.take("final_norm.bias"), kLayerNormEpsilon, placement);
}

at::Tensor Esm2::forward(const PackedTokens& sequences, ForwardTrace* trace, const AfterLayer& after_layer) const {
  const auto tokens = static_cast<int64_t>(sequences.tokens.size());
  const auto device = placement_.device;
  auto hidden = embedding_.index_select(0, token_ids(sequences, device, placement_.rows_for(tokens)));
  const auto length = sequences.longest();
  const auto positions = length <= kUsualLength ? positions_ : rotary_positions(length, shape_.head_width, device);
  const auto attention = make_attention(sequences, shape_, positions, placement_);
  if (trace != nullptr) trace->attention_backend = attention->backend();
  // What the previous part adds to the hidden state; the next norm adds it.
  at::Tensor update;
  const auto state = [&] {
    auto rows = hidden.narrow(0, 0, tokens);
    return update.defined() ? rows + update.narrow(0, 0, tokens) : rows;
  };
  const auto last = layers_to_run(trace, layers_.size());
  for (int64_t index = 0; index < last; ++index) {
    const auto& layer = layers_[static_cast<size_t>(index)];
    if (trace != nullptr && trace->wants(index)) trace->receive(index, state());
    auto normal = layer.attention_norm.of_sum(hidden, update);
    const auto heads = timed(trace, &ForwardTrace::linear_seconds, [&] { return layer.query_key_value(normal); });
    const auto mixed = timed(trace, &ForwardTrace::attention_seconds, [&] { return (*attention)(heads); });
    update = timed(trace, &ForwardTrace::linear_seconds, [&] { return layer.attention_output(mixed); });
    normal = layer.feed_forward_norm.of_sum(hidden, update);
    update = timed(trace, &ForwardTrace::linear_seconds, [&] { return layer.down(layer.up.gelu(normal)); });
    after_layer();
  }
  if (last < static_cast<int64_t>(layers_.size())) return state();
  return final_norm_(hidden.narrow(0, 0, tokens).add_(update.narrow(0, 0, tokens)));
}

std::vector<const Linear*> Esm2::linear_layers() const {
  std::vector<const Linear*> all;
  for (const auto& layer : layers_) {
    all.insert(all.end(), {&layer.query_key_value, &layer.attention_output, &layer.up, &layer.down});
  }
  return all;
}

int64_t Esm2::weight_bytes() const {
  int64_t bytes = bytes_of(embedding_) + final_norm_.bytes();
  for (const auto& layer : layers_) bytes += layer.attention_norm.bytes() + layer.feed_forward_norm.bytes();
  for (const auto* linear : linear_layers()) bytes += linear->bytes();
  return bytes;
}

}  // namespace virnucpro
