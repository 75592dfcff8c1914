#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "archive/architecture.h"
#include "archive/loading_progress.h"
#include "archive/parameters.h"
#include "model/forward_trace.h"
#include "model/layers.h"
#include "model/packed_tokens.h"
#include "model/placement.h"

namespace virnucpro {

// The tokens whose embeddings are averaged into the embedding of a sequence.
struct PooledTokens {
  int64_t skipped_front = 0;
  int64_t skipped_back = 0;
  int64_t max_tokens = INT64_MAX;

  int64_t shortest_sequence() const { return skipped_front + skipped_back + 1; }
};

// ESM-2: residues only (no <cls>, no <eos>), at most the first 1024. DNABERT: every token, [CLS] and [SEP] included.
PooledTokens pooled_tokens(const Architecture& architecture);

// Called after each layer is given to the device, by encoders that know their layers.
using AfterLayer = std::function<void()>;

// A language model on one device. Immutable, so several threads may use it at once.
class Encoder {
 public:
  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  virtual ~Encoder() = default;

  // Returns the last hidden state, after the final norm, [tokens, width] float32. `sequences` must have been checked
  // and hold at least one sequence; `trace` may be null.
  virtual at::Tensor forward(const PackedTokens& sequences, ForwardTrace* trace,
                             const AfterLayer& after_layer) const = 0;
  // Every linear layer of the blocks, in order; empty if this encoder does not know its layers.
  virtual std::vector<const Linear*> linear_layers() const = 0;
  virtual int64_t weight_bytes() const = 0;
};

enum class EngineKind { kPacked, kTorchScript };

// What the linear layers of a model cost on their own.
struct LinearMeasurement {
  double seconds = 0;
  // Multiplications and additions, over all rows.
  double operations = 0;
};

// Runs every linear layer once on `rows` rows of noise, with nothing fused into it: no forward pass of this model on
// this device can be faster. Throws kArgument if the encoder does not know its layers.
LinearMeasurement measure_linear(const Encoder& encoder, int64_t rows, const Placement& placement);

// An encoder with this addon's own forward pass. Throws kModelInvalid for a classifier.
std::unique_ptr<Encoder> make_packed_encoder(ParameterMap parameters, const Architecture& architecture,
                                             const Placement& placement, LoadingProgress& progress);

// [sequences, width] float32: the mean over each sequence's pooled tokens.
at::Tensor mean_embedding(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled,
                          const Placement& placement);

}  // namespace virnucpro
