#pragma once

#include <ATen/core/Tensor.h>

namespace virnucpro {

// Memory on the host for what goes to the device or comes from it: page-locked where that lets the copy run while the
// thread goes on. It may be freed before such a copy is through; libtorch keeps it until then. It may be freed on any
// thread, and when the device is lost too.
at::Tensor host_memory(at::IntArrayRef sizes, at::ScalarType type, at::Device device);

// Starts the copy of `host` to the device.
at::Tensor to_device(const at::Tensor& host, at::Device device);

// Starts the copy of `tensor` to the host. On a device that works behind the thread's back the values are there when it
// has come so far.
at::Tensor to_host(const at::Tensor& tensor);

}  // namespace virnucpro
