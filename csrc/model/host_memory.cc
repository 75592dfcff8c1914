#include "model/host_memory.h"

#include <ATen/ops/empty.h>

#include "stream/device_stream.h"

namespace virnucpro {

at::Tensor host_memory(at::IntArrayRef sizes, at::ScalarType type, at::Device device) {
  if (device.is_cpu()) return at::empty(sizes, at::TensorOptions(at::kCPU).dtype(type));
  return DeviceStream::current().page_locked(sizes, type);
}

at::Tensor to_device(const at::Tensor& host, at::Device device) { return host.to(device, /*non_blocking=*/true); }

at::Tensor to_host(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  auto host = host_memory(tensor.sizes(), tensor.scalar_type(), tensor.device());
  return host.copy_(tensor, /*non_blocking=*/true);
}

at::Tensor kept(const at::Tensor& host, at::Device device) { return device.is_cpu() ? host : host.clone(); }

at::Tensor fetched(const at::Tensor& tensor) {
  const auto host = to_host(tensor);
  DeviceStream::current().wait();
  return kept(host, tensor.device());
}

}  // namespace virnucpro
