#pragma once

#include <ATen/core/Tensor.h>

namespace virnucpro {

// Where a model's matrices live and in which type they are multiplied. Everything that is summed over many terms (the
// residual stream, norms, softmax, pooling, the classifier) stays in float32 whatever `dtype` is.
struct Placement {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;

  at::Tensor matrix(const at::Tensor& tensor) const { return tensor.to(device, dtype).contiguous(); }
  at::Tensor vector(const at::Tensor& tensor) const { return tensor.to(device, at::kFloat).contiguous(); }
};

}  // namespace virnucpro
