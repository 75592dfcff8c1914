#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "model/attention.h"
#include "model/placement.h"

namespace virnucpro {

// Cosines and sines of the rotary angles up to this length (Su et al. 2021; base 10000).
PositionEncoding rotary_positions(int64_t length, int64_t head_width, at::Device device);

// The rotation of a packed batch.
class Rotation {
 public:
  // places [rows] int64: every row's position in its own sequence.
  Rotation(const PositionEncoding& positions, const at::Tensor& places, const Placement& placement);

  // Rotates the pairs (i, i + half) of every head of the queries and keys of [rows, 3, heads, head width] in place, in
  // float32.
  void rotate(const at::Tensor& heads);

 private:
  void rotate_by_operators(const at::Tensor& query_key);

  const PositionEncoding positions_;
  const std::shared_ptr<const DeviceKernels> kernels_;
  const at::Tensor places_;  // [rows], int32 where there are kernels
  // Per row, [rows, 1, 1, half]; made only when libtorch's operators need them.
  at::Tensor cosine_;
  at::Tensor sine_;
};

}  // namespace virnucpro
