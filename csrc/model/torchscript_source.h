#pragma once

#include <string>

#include "model/architecture.h"

namespace virnucpro {

struct TorchScriptSource {
  std::string class_name;
  // Methods of the whole module.
  std::string root;
  // Methods that every layer shares; empty for an architecture without layers.
  std::string layer;
};

// The forward of an archive, over standard operators that every torch since 2.1 has on CPU and CUDA, for parameters
// named as in parameters.h. It is what Python runs and what the engine's own forward is checked against.
//
// esm2, dnabert2: forward(tokens[B,T] int64, lengths[B] int64) -> [B,T,D]. Positions from lengths[i] on are padding:
//   they change no other position, and what stands there in the result has no meaning. A length of 0 gives NaN for its
//   row. Computed in the parameters' data type, softmax in float32.
// classifier: forward(features[B,inputs]) -> [B,2] scores of others and virus; float32 throughout.
TorchScriptSource torchscript_source(const Architecture& architecture);

}  // namespace virnucpro
