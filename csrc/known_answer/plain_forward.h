#pragma once

#include <ATen/core/Tensor.h>

#include "archive/architecture.h"
#include "archive/parameters.h"
#include "model/packed_tokens.h"

namespace virnucpro {

// The models as they are defined, in float64 and plain loops: no library, no other thread, nothing that depends on the
// processor or the environment. Every engine is measured against this.

// [sequences, width] float64: the mean embedding of each sequence. `architecture` must not be a classifier.
at::Tensor plain_means(const Architecture& architecture, const ParameterMap& parameters, const PackedTokens& sequences);

// features [rows, inputs] -> [rows, 2] float64.
at::Tensor plain_scores(const ClassifierArchitecture& architecture, const ParameterMap& parameters,
                        const at::Tensor& features);

}  // namespace virnucpro
