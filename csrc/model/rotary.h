#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

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

// Rotates the pairs (i, i + half) of every head in float32: heads [tokens, heads, head width] -> the same type and
// shape; cosine and sine [tokens, 1, half].
at::Tensor rotate(const at::Tensor& heads, const at::Tensor& cosine, const at::Tensor& sine);

}  // namespace virnucpro
