#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "model/placement.h"

namespace virnucpro {

// y = x W^T + b in the placement's type. On the CPU the weights are laid out once as its matrix library (oneDNN) needs
// them, and the operation that follows is fused: it runs while the product is still in registers.
class Linear {
 public:
  Linear() = default;
  // `bias` may be undefined.
  Linear(const at::Tensor& weight, const at::Tensor& bias, const Placement& placement);

  // [rows, inputs] of the placement's type -> [rows, outputs] of the same type.
  at::Tensor operator()(const at::Tensor& x) const;
  // gelu(y), with erf.
  at::Tensor gelu(const at::Tensor& x) const;
  // y * factor, element by element.
  at::Tensor times(const at::Tensor& x, const at::Tensor& factor) const;

  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }
  int64_t bytes() const;

 private:
  int64_t inputs_ = 0;
  int64_t outputs_ = 0;
  bool packed_ = false;
  at::Tensor weight_;
  at::Tensor bias_;
  std::shared_ptr<const DeviceKernels> kernels_;
};

// gelu(x G^T) * (x U^T), with erf. Two products on the CPU, with the multiplication fused into the second; a single
// product elsewhere.
class GatedLinear {
 public:
  GatedLinear() = default;
  // `weight`: [2 * outputs, inputs], the gate G above U.
  GatedLinear(const at::Tensor& weight, const Placement& placement);

  // [rows, inputs] of the placement's type -> [rows, outputs] of the same type.
  at::Tensor operator()(const at::Tensor& x) const;

  // The products, in order.
  std::vector<const Linear*> products() const;

 private:
  std::vector<Linear> products_;
  std::shared_ptr<const DeviceKernels> kernels_;
};

// Normalizes rows in float32.
class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(const at::Tensor& weight, const at::Tensor& bias, double epsilon, const Placement& placement);

  // [rows, width] float32 -> the same.
  at::Tensor operator()(const at::Tensor& hidden) const;
  // Pre-norm: adds `update` (may be undefined) to `hidden` (float32) in place, and returns the norm of the sum in the
  // placement's type.
  at::Tensor of_sum(at::Tensor& hidden, const at::Tensor& update) const;
  // Post-norm: like of_sum, but leaves the norm in `hidden`.
  at::Tensor in_place_of_sum(at::Tensor& hidden, const at::Tensor& update) const;

  int64_t bytes() const;

 private:
  at::Tensor normalized(at::Tensor& hidden, const at::Tensor& update, bool keeps_normal) const;

  at::ScalarType dtype_ = at::kFloat;
  at::Tensor weight_;
  at::Tensor bias_;
  double epsilon_ = 0;
  std::shared_ptr<const DeviceKernels> kernels_;
};

int64_t bytes_of(const at::Tensor& tensor);

}  // namespace virnucpro
