#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/placement.h"

namespace virnucpro {

// y = x W^T + b in the placement's type.
class Linear {
 public:
  Linear() = default;
  Linear(const at::Tensor& weight, const at::Tensor& bias, const Placement& placement);

  // [N, inputs] of the placement's type -> [N, outputs] of the same type.
  at::Tensor operator()(const at::Tensor& x) const;
  int64_t bytes() const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

// Normalizes rows in float32.
class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(const at::Tensor& weight, const at::Tensor& bias, double epsilon, const Placement& placement);

  // [N, width] float32 -> the same.
  at::Tensor operator()(const at::Tensor& x) const;
  int64_t bytes() const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  double epsilon_ = 0;
};

int64_t bytes_of(const at::Tensor& tensor);

}  // namespace virnucpro
