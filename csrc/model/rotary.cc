#include "model/rotary.h"

#include <ATen/ATen.h>

namespace virnucpro {

namespace {

constexpr double kBase = 10000.0;

}  // namespace

void RotaryTables::reach(int64_t length) {
  if (cosine_.defined() && cosine_.size(0) >= length) return;
  const auto options = at::TensorOptions(device_).dtype(at::kFloat);
  const auto frequencies = at::pow(kBase, at::arange(half_, options).mul(-1.0 / static_cast<double>(half_)));
  const auto angles = at::outer(at::arange(length, options), frequencies);
  cosine_ = angles.cos();
  sine_ = angles.sin();
}

at::Tensor rotate(const at::Tensor& heads, const at::Tensor& cosine, const at::Tensor& sine) {
  const auto half = heads.size(2) / 2;
  const auto first = heads.narrow(2, 0, half).to(at::kFloat);
  const auto second = heads.narrow(2, half, half).to(at::kFloat);
  return at::cat({first * cosine - second * sine, second * cosine + first * sine}, 2).to(heads.scalar_type());
}

}  // namespace virnucpro
