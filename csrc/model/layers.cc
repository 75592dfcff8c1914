#include "model/layers.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>

#include "cpu_kernels/cpu_kernels.h"
#include "model/cpu_work.h"
#include "model/packed_linear.h"

namespace virnucpro {

int64_t bytes_of(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.numel() * static_cast<int64_t>(tensor.element_size()) : 0;
}

Linear::Linear(const at::Tensor& weight, const at::Tensor& bias, const Placement& placement)
    : inputs_(weight.size(1)),
      outputs_(weight.size(0)),
      packed_(packs_linear(placement)),
      weight_(placement.matrix(weight)),
      bias_(bias.defined() ? placement.matrix(bias) : at::Tensor()),
      kernels_(placement.kernels) {
  if (packed_) weight_ = pack_linear(weight_);
}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  return packed_ ? packed_linear(x, weight_, bias_, "none") : at::linear(x, weight_, bias_);
}

at::Tensor Linear::gelu(const at::Tensor& x) const {
  if (packed_) return packed_linear(x, weight_, bias_, "gelu");
  if (kernels_ && kernels_->has(DeviceKernels::kBiasGelu)) {
    auto product = at::linear(x, weight_);
    if (kernels_->bias_gelu(product, bias_)) return product;
  }
  auto product = at::linear(x, weight_, bias_);
  return at::gelu_(product);
}

at::Tensor Linear::times(const at::Tensor& x, const at::Tensor& factor) const {
  return packed_ ? packed_linear_times(x, weight_, bias_, factor) : at::linear(x, weight_, bias_).mul_(factor);
}

int64_t Linear::bytes() const { return bytes_of(weight_) + bytes_of(bias_); }

GatedLinear::GatedLinear(const at::Tensor& weight, const Placement& placement) : kernels_(placement.kernels) {
  if (placement.device.is_cpu()) {
    for (const auto& half : weight.chunk(2)) products_.emplace_back(half, at::Tensor(), placement);
  } else {
    products_.emplace_back(weight, at::Tensor(), placement);
  }
}

at::Tensor GatedLinear::operator()(const at::Tensor& x) const {
  if (products_.size() == 2) return products_[1].times(x, products_[0].gelu(x));
  const auto gated = products_[0](x);
  if (kernels_) {
    auto output = kernels_->gelu_times(gated);
    if (output.defined()) return output;
  }
  const auto halves = gated.chunk(2, 1);
  return at::gelu(halves[0]).mul_(halves[1]);
}

std::vector<const Linear*> GatedLinear::products() const {
  std::vector<const Linear*> all;
  for (const auto& product : products_) all.push_back(&product);
  return all;
}

LayerNorm::LayerNorm(const at::Tensor& weight, const at::Tensor& bias, double epsilon, const Placement& placement)
    : dtype_(placement.dtype),
      weight_(placement.vector(weight)),
      bias_(placement.vector(bias)),
      epsilon_(epsilon),
      kernels_(placement.kernels) {}

at::Tensor LayerNorm::operator()(const at::Tensor& hidden) const {
  return at::layer_norm(hidden, {weight_.size(0)}, weight_, bias_, epsilon_);
}

at::Tensor LayerNorm::of_sum(at::Tensor& hidden, const at::Tensor& update) const {
  return normalized(hidden, update, false);
}

at::Tensor LayerNorm::in_place_of_sum(at::Tensor& hidden, const at::Tensor& update) const {
  return normalized(hidden, update, true);
}

at::Tensor LayerNorm::normalized(at::Tensor& hidden, const at::Tensor& update, bool keeps_normal) const {
  if (kernels_) {
    auto normal = kernels_->add_norm(hidden, update, weight_, bias_, epsilon_, keeps_normal);
    if (normal.defined()) return normal;
  }
  const auto width = hidden.size(1);
  const auto* kernels = width % CpuKernels::kWidthStep == 0 ? kernels_for(hidden.device(), dtype_) : nullptr;
  if (kernels == nullptr) {
    if (update.defined()) hidden.add_(update);
    auto normal = (*this)(hidden);
    if (keeps_normal) hidden = normal;
    return normal.to(dtype_);
  }
  auto normal = at::empty(hidden.sizes(), hidden.options().dtype(dtype_));
  auto* const normals = static_cast<char*>(normal.mutable_data_ptr());
  const auto* const updates = update.defined() ? static_cast<const char*>(update.const_data_ptr()) : nullptr;
  const auto row_bytes = width * static_cast<int64_t>(normal.element_size());
  parallel_for(hidden.size(0), [&](int64_t begin, int64_t end) {
    NormalizedRows rows{};
    rows.hidden = hidden.mutable_data_ptr<float>() + begin * width;
    rows.update = updates == nullptr ? nullptr : updates + begin * row_bytes;
    rows.weight = weight_.const_data_ptr<float>();
    rows.bias = bias_.const_data_ptr<float>();
    rows.epsilon = static_cast<float>(epsilon_);
    rows.normal = normals + begin * row_bytes;
    rows.rows = end - begin;
    rows.width = width;
    rows.keeps_normal = keeps_normal;
    kernels->normalize(rows);
  });
  return normal;
}

int64_t LayerNorm::bytes() const { return bytes_of(weight_) + bytes_of(bias_); }

}  // namespace virnucpro
