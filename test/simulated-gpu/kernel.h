#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>

namespace simulated {

// A tensor of a device as a kernel sees it: the same bytes at an address that can be read, owned by nobody. One of the
// host is copied, as the arguments of a launch are.
at::Tensor seen_by_kernel(const at::Tensor& tensor);

// Bytes of the elements that a tensor has in memory: what is expanded counts once.
int64_t bytes_of(const at::Tensor& tensor);

// Runs `work` on the current stream of a device, late. @throws where the device has no kernels, or failed
void launch_kernel(int device, const std::string& name, int64_t bytes_read, int64_t bytes_written,
                   std::function<void()> work);

// Memory of a device, with nothing in it that anyone put there.
at::Tensor make_tensor(at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType type, int device);

// Gives a tensor room for these sizes, contiguous.
void resize_tensor(const at::Tensor& tensor, at::IntArrayRef sizes);

}  // namespace simulated
