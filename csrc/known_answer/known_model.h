#pragma once

#include <ATen/core/Tensor.h>

#include "archive/architecture.h"
#include "archive/parameters.h"
#include "model/packed_tokens.h"

namespace virnucpro {

// The smallest model of the same kind: one layer, two heads or the next number with which the rows are cut up alike,
// heads of the same width. It takes the kernels that the real one takes, for a thousandth of the work.
Architecture smallest_like(const Architecture& architecture);

// Its weights, [..] float32: the same on every machine, exact in bfloat16, of the size that trained ones have.
ParameterMap known_parameters(const Architecture& architecture);

// Three sequences of unequal lengths, together no whole number of the rows that a product is rounded up to.
PackedTokens known_tokens(const Architecture& architecture);

// [3, inputs] float32: what the classifier reads.
at::Tensor known_features(const ClassifierArchitecture& architecture);

}  // namespace virnucpro
