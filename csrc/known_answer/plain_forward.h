#pragma once

#include <ATen/core/Tensor.h>

#include "archive/architecture.h"
#include "archive/parameters.h"
#include "model/packed_tokens.h"

namespace virnucpro {

// The models as their definitions have them, in float64 and in plain loops: no library, no other thread, nothing that
// is chosen by the processor or the environment. What every engine is measured by.

// [sequences, width] float64: the mean embedding of each sequence. `architecture` is no classifier.
at::Tensor plain_means(const Architecture& architecture, const ParameterMap& parameters, const PackedTokens& sequences);

// features [rows, inputs] -> [rows, 2] float64.
at::Tensor plain_scores(const ClassifierArchitecture& architecture, const ParameterMap& parameters,
                        const at::Tensor& features);

}  // namespace virnucpro
