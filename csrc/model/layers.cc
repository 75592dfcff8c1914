#include "model/layers.h"

#include <ATen/ATen.h>

namespace virnucpro {

int64_t bytes_of(const at::Tensor& tensor) { return tensor.defined() ? static_cast<int64_t>(tensor.nbytes()) : 0; }

Linear::Linear(const at::Tensor& weight, const at::Tensor& bias, const Placement& placement)
    : weight_(placement.matrix(weight)), bias_(bias.defined() ? placement.matrix(bias) : at::Tensor()) {}

at::Tensor Linear::operator()(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }

int64_t Linear::bytes() const { return bytes_of(weight_) + bytes_of(bias_); }

LayerNorm::LayerNorm(const at::Tensor& weight, const at::Tensor& bias, double epsilon, const Placement& placement)
    : weight_(placement.vector(weight)), bias_(placement.vector(bias)), epsilon_(epsilon) {}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, {weight_.size(0)}, weight_, bias_, epsilon_);
}

int64_t LayerNorm::bytes() const { return bytes_of(weight_) + bytes_of(bias_); }

}  // namespace virnucpro
