#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/attention.h"

namespace virnucpro {

// Cosines and sines of the rotary angles up to this length (Su et al. 2021; base 10000).
PositionEncoding rotary_positions(int64_t length, int64_t head_width, at::Device device);

// The rotation of a packed batch.
class Rotation {
 public:
  // places [rows] int64: every row's place in its own sequence.
  Rotation(const PositionEncoding& positions, const at::Tensor& places);

  // Rotates the pairs (i, i + half) of every head in float32: [rows, 2, heads, head width] -> the same type and shape.
  at::Tensor of(const at::Tensor& query_key) const;

 private:
  at::Tensor cosine_;  // [rows, 1, 1, half]
  at::Tensor sine_;
};

}  // namespace virnucpro
