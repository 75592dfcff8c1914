#include "model/rotary.h"

#include <ATen/ATen.h>

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

Rotation::Rotation(const PositionEncoding& positions, const at::Tensor& places)
    : cosine_(positions.cosine.index_select(0, places).unsqueeze(1).unsqueeze(1)),
      sine_(positions.sine.index_select(0, places).unsqueeze(1).unsqueeze(1)) {}

at::Tensor Rotation::of(const at::Tensor& query_key) const {
  const auto half = query_key.size(3) / 2;
  const auto first = query_key.narrow(3, 0, half).to(at::kFloat);
  const auto second = query_key.narrow(3, half, half).to(at::kFloat);
  return at::cat({first * cosine_ - second * sine_, second * cosine_ + first * sine_}, 3).to(query_key.scalar_type());
}

}  // namespace virnucpro
