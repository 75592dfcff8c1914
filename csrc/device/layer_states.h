#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "model/packed_tokens.h"
#include "model/placement.h"
#include "model/pooling.h"

namespace virnucpro {

struct EmbedOptions {
  // Distinct, at least one each; both in the order in which the results are wanted.
  std::vector<int64_t> layers;
  std::vector<Pool> pools;
  bool measure = false;

  int64_t last_layer() const;
  // By layer, up to the last.
  std::vector<bool> wanted() const;
};

// The states that an embedding job is asked for, on the host. Each layer is pooled when a forward pass makes it, so no
// more than one layer's states per token exist at a time unless they are wanted as they are.
class LayerStates {
 public:
  // Takes the host's memory, in a job. `pooled`: the model's.
  LayerStates(const EmbedOptions& options, const PackedTokens& sequences, int64_t width, const PooledTokens& pooled,
              const Placement& placement);

  // What is taken from here on belongs to this piece, which comes right after the previous one.
  void next_piece(const PackedTokens& piece);
  // The states of a wanted layer for the current piece, [tokens, width] float32. On an asynchronous device the copies
  // have only been started when it returns.
  void take(int64_t layer, const at::Tensor& state);
  // For each pool and layer, [sequences, width] float32, or [tokens, width] for kTokens, in memory of the job: see
  // host_memory.h.
  const std::vector<std::vector<at::Tensor>>& values() const { return values_; }

 private:
  const EmbedOptions options_;
  const PooledTokens pooled_;
  const Placement placement_;
  std::vector<std::vector<at::Tensor>> values_;
  const PackedTokens* piece_ = nullptr;
  int64_t sequences_before_ = 0;
  int64_t tokens_before_ = 0;
};

}  // namespace virnucpro
