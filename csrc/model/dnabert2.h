#pragma once

#include <vector>

#include "model/archive.h"
#include "model/attention.h"
#include "model/encoder.h"
#include "model/layers.h"

namespace virnucpro {

// DNABERT-2 and DNABERT-S over a packed batch (Zhou et al. 2024; the numbers are those of the published model code with
// plain attention): post-norm, ALiBi positions, a feed-forward gated by erf GELU.
class Dnabert2 final : public Encoder {
 public:
  Dnabert2(const DnabertArchitecture& architecture, ParameterMap parameters, const Placement& placement);

  at::Tensor forward(const PackedTokens& sequences, std::vector<at::Tensor>* layers) override;
  int64_t weight_bytes() const override;

 private:
  struct Layer {
    Linear query_key_value;
    Linear attention_output;
    LayerNorm attention_norm;
    Linear gated;
    Linear down;
    LayerNorm output_norm;
  };

  at::Tensor position_bias(int64_t first, int64_t count, int64_t length);
  at::Tensor distance_bias(int64_t first, int64_t count, int64_t length) const;
  at::Tensor attend(const Layer& layer, const PackedTokens& sequences, const PositionBias& bias,
                    const at::Tensor& hidden) const;
  at::Tensor feed_forward(const Layer& layer, const at::Tensor& hidden) const;

  DnabertArchitecture architecture_;
  Placement placement_;
  at::Tensor embedding_;  // [vocabulary, width] float32: the word's plus that of token type 0
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
  at::Tensor slopes_;         // [heads, 1, 1] float32: what a token's distance costs, negative
  at::Tensor position_bias_;  // [heads, longest so far, longest so far] float32, up to a length worth keeping
};

}  // namespace virnucpro
