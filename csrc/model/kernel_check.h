#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive/architecture.h"
#include "model/device_kernels.h"

namespace virnucpro {

// A kernel whose numbers are not those of libtorch's operators.
struct WrongKernel {
  std::string name;
  // The largest difference, as a multiple of what the rounding of the type explains; not a number where one of them is
  // none.
  double excess;
};

// Compares each kernel with libtorch's operators, computed in float32, on the GPU itself: a few rows of noise in the
// sizes of these models. Takes milliseconds.
std::vector<WrongKernel> wrong_kernels(const DeviceKernels& kernels, const std::vector<Architecture>& architectures,
                                       at::Device device);

}  // namespace virnucpro
