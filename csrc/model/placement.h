#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "model/device_kernels.h"

namespace virnucpro {

// Where a model's matrices live and in which type they are multiplied. Everything that is summed over many terms (the
// residual stream, norms, softmax, pooling, the classifier) stays in float32 whatever `dtype` is.
struct Placement {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  bool multiplies_bf16 = false;  // the device, natively
  std::shared_ptr<const DeviceKernels> kernels =
      nullptr;  // of this project, on a GPU; null: libtorch's operators alone

  // Cast where they will live: several devices that load at once would wait for the host's cores otherwise.
  at::Tensor matrix(const at::Tensor& tensor) const { return tensor.to(device).to(dtype).contiguous(); }
  at::Tensor vector(const at::Tensor& tensor) const { return tensor.to(device).to(at::kFloat).contiguous(); }

  // The CPU's matrix library (oneDNN) makes a kernel for every number of rows and keeps a thousand of them, which are
  // hundreds of megabytes. So rows are rounded up: the same few numbers come again and again, and the surplus is never
  // read.
  int64_t rows_for(int64_t tokens) const {
    return device.is_cpu() ? (tokens + kRowStep - 1) / kRowStep * kRowStep : tokens;
  }

 private:
  static constexpr int64_t kRowStep = 64;
};

}  // namespace virnucpro
