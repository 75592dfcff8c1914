#include "model/host_memory.h"

#include <ATen/ATen.h>

namespace virnucpro {

at::Tensor host_memory(at::IntArrayRef sizes, at::ScalarType type, at::Device device) {
  return at::empty(sizes, at::TensorOptions(at::kCPU).dtype(type).pinned_memory(device.is_cuda()));
}

at::Tensor to_device(const at::Tensor& host, at::Device device) { return host.to(device, /*non_blocking=*/true); }

at::Tensor to_host(const at::Tensor& tensor) {
  if (tensor.device().is_cpu()) return tensor;
  auto host = host_memory(tensor.sizes(), tensor.scalar_type(), tensor.device());
  return host.copy_(tensor, /*non_blocking=*/true);
}

}  // namespace virnucpro
