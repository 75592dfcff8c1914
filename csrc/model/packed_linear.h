#pragma once

#include <ATen/core/Tensor.h>

#include "model/placement.h"

namespace virnucpro {

// The CPU's matrix products with weights in oneDNN's own layout, through the operators that libtorch registers for its
// compiler. Weights that are laid out once multiply faster than plain ones, in float32 too (bench/results).

// Whether this libtorch and this CPU support it: float32, and bfloat16 where the CPU multiplies it natively.
bool packs_linear(const Placement& placement);

// [outputs, inputs] -> the same values in a layout that only the functions below can read.
at::Tensor pack_linear(const at::Tensor& weight);

// x W^T + b, then `activation`: "none" or "gelu" (with erf). `bias` may be undefined.
at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const char* activation);

// (x W^T + b) * factor.
at::Tensor packed_linear_times(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               const at::Tensor& factor);

}  // namespace virnucpro
