#pragma once

#include <vector>

#include "archive/parameters.h"
#include "model/attention.h"
#include "model/encoder.h"
#include "model/layers.h"

namespace virnucpro {

// DNABERT-2 and DNABERT-S over a packed batch (Zhou et al. 2024; same numbers as the published model code with plain
// attention): post-norm, ALiBi positions, a feed-forward gated by erf GELU.
class Dnabert2 final : public Encoder {
 public:
  Dnabert2(const DnabertArchitecture& architecture, LoadedParameters& parameters, const Placement& placement);

  at::Tensor forward(const PackedTokens& sequences, ForwardTrace* trace, const AfterLayer& after_layer) const override;
  std::vector<const Linear*> linear_layers() const override;
  int64_t weight_bytes() const override;

 private:
  struct Layer {
    Linear query_key_value;
    Linear attention_output;
    LayerNorm attention_norm;
    GatedLinear gated;
    Linear down;
    LayerNorm output_norm;
  };

  Placement placement_;
  AttentionShape shape_;
  PositionEncoding positions_;  // the slopes
  at::Tensor embedding_;        // [vocabulary, width] float32: a word's embedding plus that of token type 0
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
};

}  // namespace virnucpro
