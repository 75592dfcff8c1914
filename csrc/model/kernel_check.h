#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive/architecture.h"
#include "model/device_kernels.h"

namespace virnucpro {

// A kernel whose results differ from those of libtorch's operators.
struct WrongKernel {
  std::string name;
  // The largest difference, as a multiple of what the rounding of the type explains; NaN if a result is NaN.
  double excess;
};

// Compares each kernel with libtorch's operators in float32, both on the GPU: a few rows of noise in the sizes of these
// models. Takes milliseconds.
std::vector<WrongKernel> wrong_kernels(const DeviceKernels& kernels, const std::vector<Architecture>& architectures,
                                       at::Device device);

}  // namespace virnucpro
