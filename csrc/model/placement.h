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
  bool multiplies_bf16 = false;                            // natively, on this device
  std::shared_ptr<const DeviceKernels> kernels = nullptr;  // this project's, on a GPU; null: only libtorch's operators

  // Cast on the target device: otherwise several devices that load at once would wait for the host's cores.
  at::Tensor matrix(const at::Tensor& tensor) const { return tensor.to(device).to(dtype).contiguous(); }
  at::Tensor vector(const at::Tensor& tensor) const { return tensor.to(device).to(at::kFloat).contiguous(); }

  // The CPU's matrix library (oneDNN) makes a kernel for every number of rows and caches a thousand of them, which
  // takes hundreds of megabytes. Rounding up makes the same few numbers recur; the surplus rows are never read.
  int64_t rows_for(int64_t tokens) const {
    return device.is_cpu() ? (tokens + kRowStep - 1) / kRowStep * kRowStep : tokens;
  }

 private:
  static constexpr int64_t kRowStep = 64;
};

}  // namespace virnucpro
