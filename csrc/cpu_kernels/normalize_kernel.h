#pragma once

#include "cpu_kernels/cpu_kernels.h"
#include "cpu_kernels/vectors.h"

namespace virnucpro {
namespace {

// A row stays in the nearest cache, so mean and variance take two passes, which loses no digits.
template <typename Type>
void normalize(const NormalizedRows& all) {
  const auto width = static_cast<float>(all.width);
  for (int64_t i = 0; i < all.rows; ++i) {
    float* hidden = all.hidden + i * all.width;
    if (all.update != nullptr) {
      const auto* update = static_cast<const typename Type::Number*>(all.update) + i * all.width;
      for (int64_t k = 0; k < all.width; k += kLanes) {
        store(hidden + k, load<Floats>(hidden + k) + Type::numbers(update + k));
      }
    }
    Floats sum = {};
    for (int64_t k = 0; k < all.width; k += kLanes) sum += load<Floats>(hidden + k);
    const float mean = sum_of(sum) / width;
    Floats squares = {};
    for (int64_t k = 0; k < all.width; k += kLanes) {
      const Floats from_mean = load<Floats>(hidden + k) - mean;
      squares += from_mean * from_mean;
    }
    const float scale = 1.0F / __builtin_sqrtf(sum_of(squares) / width + all.epsilon);
    auto* normal = static_cast<typename Type::Number*>(all.normal) + i * all.width;
    for (int64_t k = 0; k < all.width; k += kLanes) {
      const Floats value =
          (load<Floats>(hidden + k) - mean) * scale * load<Floats>(all.weight + k) + load<Floats>(all.bias + k);
      Type::put(normal + k, value);
      if (all.keeps_normal) store(hidden + k, value);
    }
  }
}

}  // namespace
}  // namespace virnucpro
