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

// Called after each layer is given to the device, by encoders that know their layers.
using AfterLayer = std::function<void()>;

// A language model on one device. Immutable, so several threads may use it at once.
class Encoder {
 public:
  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  virtual ~Encoder() = default;

  // Returns the state after the last layer that it runs, [tokens, width] float32: with a trace, `last_layer`; without
  // one, which may be null, the model's last, after the final norm. `sequences` must have been checked and hold at
  // least one sequence. An encoder that does not know its layers runs all of them and gives `receive` none.
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

}  // namespace virnucpro
