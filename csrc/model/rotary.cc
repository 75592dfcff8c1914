#include "model/rotary.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>

namespace virnucpro {

namespace {

constexpr double kBase = 10000.0;

}  // namespace

PositionEncoding rotary_positions(int64_t length, int64_t head_width, at::Device device) {
  const auto half = head_width / 2;
  const auto options = at::TensorOptions(device).dtype(at::kFloat);
  const auto frequencies = at::pow(kBase, at::arange(half, options).mul(-1.0 / static_cast<double>(half)));
  const auto angles = at::outer(at::arange(length, options), frequencies);
  return {angles.cos(), angles.sin(), {}};
}

Rotation::Rotation(const PositionEncoding& positions, const at::Tensor& places, const Placement& placement)
    : positions_(positions), kernels_(placement.kernels), places_(kernels_ ? places.to(at::kInt) : places) {}

void Rotation::rotate(const at::Tensor& heads) {
  if (kernels_ && kernels_->rotate(heads, positions_.cosine, positions_.sine, places_)) return;
  rotate_by_operators(heads.narrow(1, 0, 2));
}

void Rotation::rotate_by_operators(const at::Tensor& query_key) {
  if (!cosine_.defined()) {
    cosine_ = positions_.cosine.index_select(0, places_).unsqueeze(1).unsqueeze(1);
    sine_ = positions_.sine.index_select(0, places_).unsqueeze(1).unsqueeze(1);
  }
  const auto half = query_key.size(3) / 2;
  const auto first = query_key.narrow(3, 0, half).to(at::kFloat);
  const auto second = query_key.narrow(3, half, half).to(at::kFloat);
  query_key.copy_(at::cat({first * cosine_ - second * sine_, second * cosine_ + first * sine_}, 3));
}

}  // namespace virnucpro
