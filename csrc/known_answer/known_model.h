#pragma once

#include <ATen/core/Tensor.h>

#include "archive/architecture.h"
#include "archive/parameters.h"
#include "model/packed_tokens.h"

namespace virnucpro {

// The smallest model of the same kind: one layer, heads of the same width, and two heads or the next number for which
// rows are split in the same way. It runs the kernels that the real one runs, for a thousandth of the work.
Architecture smallest_like(const Architecture& architecture);

// Its weights, [..] float32: the same on every machine, exact in bfloat16, of the magnitude of trained ones.
ParameterMap known_parameters(const Architecture& architecture);

// Three sequences of unequal lengths, whose total is no multiple of the number of rows that a product is rounded up to.
PackedTokens known_tokens(const Architecture& architecture);

// [3, inputs] float32: what the classifier reads.
at::Tensor known_features(const ClassifierArchitecture& architecture);

}  // namespace virnucpro
