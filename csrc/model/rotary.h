#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/attention.h"

namespace virnucpro {

// Cosines and sines of the rotary angles, [longest sequence so far, head width / 2] float32 (Su et al. 2021; base
// 10000).
class RotaryTables {
 public:
  RotaryTables() = default;
  RotaryTables(int64_t head_width, at::Device device) : half_(head_width / 2), device_(device) {}

  // Makes the tables long enough; afterwards cosine and sine stay as they are until a longer sequence comes.
  void reach(int64_t length);
  const at::Tensor& cosine() const { return cosine_; }
  const at::Tensor& sine() const { return sine_; }

 private:
  int64_t half_ = 0;
  at::Device device_ = at::kCPU;
  at::Tensor cosine_;
  at::Tensor sine_;
};

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
