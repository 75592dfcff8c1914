#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace virnucpro {

// Where a model's matrices live and in which type they are multiplied. Everything that is summed over many terms (the
// residual stream, norms, softmax, pooling, the classifier) stays in float32 whatever `dtype` is.
struct Placement {
  // Lengths of sequences are rounded up to a multiple of it, see length_for.
  static constexpr int64_t kLengthStep = 16;

  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;

  at::Tensor matrix(const at::Tensor& tensor) const { return tensor.to(device, dtype).contiguous(); }
  at::Tensor vector(const at::Tensor& tensor) const { return tensor.to(device, at::kFloat).contiguous(); }

  // oneDNN makes a kernel for every shape of a reduced-precision product and keeps a thousand of them, which are
  // hundreds of megabytes. So shapes are rounded up: the same few come again and again, and the surplus is never read.
  int64_t rows_for(int64_t tokens) const { return rounds() ? round_up(tokens + kLengthStep, kRowStep) : tokens; }
  int64_t length_for(int64_t tokens) const { return rounds() ? round_up(tokens, kLengthStep) : tokens; }

 private:
  static constexpr int64_t kRowStep = 64;

  bool rounds() const { return device.is_cpu() && dtype != at::kFloat; }
  static int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }
};

}  // namespace virnucpro
