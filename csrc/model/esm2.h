#pragma once

#include <vector>

#include "archive/parameters.h"
#include "model/attention.h"
#include "model/encoder.h"
#include "model/layers.h"

namespace virnucpro {

// ESM-2 over a packed batch (Lin et al. 2023; same numbers as fair-esm 2.0.0): pre-norm, rotary positions that restart
// with each sequence, erf GELU, a final norm.
class Esm2 final : public Encoder {
 public:
  Esm2(const Esm2Architecture& architecture, LoadedParameters& parameters, const Placement& placement);

  at::Tensor forward(const PackedTokens& sequences, ForwardTrace* trace, const AfterLayer& after_layer) const override;
  std::vector<const Linear*> linear_layers() const override;
  int64_t weight_bytes() const override;

 private:
  struct Layer {
    LayerNorm attention_norm;
    Linear query_key_value;
    Linear attention_output;
    LayerNorm feed_forward_norm;
    Linear up;
    Linear down;
  };

  Placement placement_;
  AttentionShape shape_;
  PositionEncoding positions_;  // for sequences of the usual length
  at::Tensor embedding_;        // [vocabulary, width] float32, scaled
  std::vector<Layer> layers_;
  LayerNorm final_norm_;
};

}  // namespace virnucpro
