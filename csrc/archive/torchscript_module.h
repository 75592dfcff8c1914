#pragma once

#include "archive/architecture.h"
#include "archive/parameters.h"

namespace torch::jit {
struct Module;
}

namespace virnucpro {

// The module of an archive; it shares these parameters. Its forward pass uses only standard operators that every torch
// since 2.1 has on CPU and CUDA. Python runs it, and the engine's own forward pass is checked against it.
//
// esm2, dnabert2: forward(tokens[B,T] int64, lengths[B] int64) -> [B,T,D]. Positions from lengths[i] on are padding:
//   they affect no other position, and their values in the result are meaningless. A length of 0 gives NaN for its row.
//   Computed in the parameters' data type, softmax in float32.
// classifier: forward(features[B,inputs]) -> [B,2] scores of others and virus; float32 throughout.
torch::jit::Module make_module(const Architecture& architecture, const ParameterMap& parameters);

}  // namespace virnucpro
