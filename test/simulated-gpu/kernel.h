#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>

namespace simulated {

// A device's tensor as a kernel sees it: the same bytes at a readable address, not owned. A tensor of the host is
// copied, like the arguments of a launch.
at::Tensor seen_by_kernel(const at::Tensor& tensor);

// Bytes of a tensor's elements in memory: expanded elements count once.
int64_t bytes_of(const at::Tensor& tensor);

// Runs `work` late on a device's current stream. @throws if the device has no kernels, or failed
void launch_kernel(int device, const std::string& name, int64_t bytes_read, int64_t bytes_written,
                   std::function<void()> work);

// Uninitialised device memory.
at::Tensor make_tensor(at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType type, int device);

// Resizes a tensor to these sizes, contiguous.
void resize_tensor(const at::Tensor& tensor, at::IntArrayRef sizes);

}  // namespace simulated
