#include "model/dnabert2.h"

#include <ATen/ops/tensor.h>

#include <cmath>
#include <string>

#include "model/alibi.h"
#include "model/token_tensors.h"

namespace virnucpro {

Dnabert2::Dnabert2(const DnabertArchitecture& architecture, LoadedParameters& parameters, const Placement& placement)
    : placement_(placement), shape_{architecture.heads, architecture.width / architecture.heads} {
  const auto width = architecture.width;
  const double query_scale = 1.0 / std::sqrt(static_cast<double>(shape_.head_width));
  const auto norm = [&](const std::string& name) {
    return LayerNorm(parameters.take(name + ".weight"), parameters.take(name + ".bias"),
                     architecture.layer_norm_epsilon, placement);
  };
  embedding_ = placement.vector(parameters.take("word_embeddings.weight"))
                   .add(placement.vector(parameters.take("token_type_embeddings.weight")).select(0, 0));
  embedding_norm_ = norm("embedding_norm");
  positions_.slopes = placement.vector(at::tensor(alibi_slopes(architecture.heads)));
  for (int64_t i = 0; i < architecture.layers; ++i) {
    const auto prefix = "layers." + std::to_string(i) + ".";
    const auto linear = [&](const std::string& name) {
      return Linear(parameters.take(prefix + name + ".weight"), parameters.take(prefix + name + ".bias"), placement);
    };
    // The scale of the logits goes into the query's weights, in float32, before they are cast.
    const auto scaled = [&](const std::string& kind) {
      auto fused = placement.vector(parameters.take(prefix + "query_key_value." + kind)).clone();
      fused.narrow(0, 0, width).mul_(query_scale);
      return fused;
    };
    layers_.push_back({Linear(scaled("weight"), scaled("bias"), placement), linear("attention_output"),
                       norm(prefix + "attention_norm"),
                       GatedLinear(parameters.take(prefix + "gated.weight"), placement), linear("down"),
                       norm(prefix + "output_norm")});
  }
}

at::Tensor Dnabert2::forward(const PackedTokens& sequences, ForwardTrace* trace, const AfterLayer& after_layer) const {
  const auto tokens = static_cast<int64_t>(sequences.tokens.size());
  const auto device = placement_.device;
  const auto linear = &ForwardTrace::linear_seconds;
  auto hidden = embedding_.index_select(0, token_ids(sequences, device, placement_.rows_for(tokens)));
  auto normal = embedding_norm_.in_place_of_sum(hidden, {});
  const auto attention = make_attention(sequences, shape_, positions_, placement_);
  if (trace != nullptr) trace->attention_backend = attention->backend();
  const auto last = layers_to_run(trace, layers_.size());
  for (int64_t index = 0; index < last; ++index) {
    const auto& layer = layers_[static_cast<size_t>(index)];
    if (trace != nullptr && trace->wants(index)) trace->receive(index, hidden.narrow(0, 0, tokens));
    const auto heads = timed(trace, linear, [&] { return layer.query_key_value(normal); });
    const auto mixed = timed(trace, &ForwardTrace::attention_seconds, [&] { return (*attention)(heads); });
    auto update = timed(trace, linear, [&] { return layer.attention_output(mixed); });
    normal = layer.attention_norm.in_place_of_sum(hidden, update);
    update = timed(trace, linear, [&] { return layer.down(layer.gated(normal)); });
    normal = layer.output_norm.in_place_of_sum(hidden, update);
    after_layer();
  }
  return hidden.narrow(0, 0, tokens);
}

std::vector<const Linear*> Dnabert2::linear_layers() const {
  std::vector<const Linear*> all;
  for (const auto& layer : layers_) {
    all.insert(all.end(), {&layer.query_key_value, &layer.attention_output});
    for (const auto* product : layer.gated.products()) all.push_back(product);
    all.push_back(&layer.down);
  }
  return all;
}

int64_t Dnabert2::weight_bytes() const {
  int64_t bytes = bytes_of(embedding_) + embedding_norm_.bytes();
  for (const auto& layer : layers_) bytes += layer.attention_norm.bytes() + layer.output_norm.bytes();
  for (const auto* linear : linear_layers()) bytes += linear->bytes();
  return bytes;
}

}  // namespace virnucpro
