#pragma once

#include <ATen/core/Tensor.h>

namespace virnucpro {

// Memory on the host for what goes to the device or comes from it: page-locked where that lets the copy run while the
// thread goes on. It is the job's and must not be used once that has ended.
at::Tensor host_memory(at::IntArrayRef sizes, at::ScalarType type, at::Device device);

// Starts the copy of `host` to the device.
at::Tensor to_device(const at::Tensor& host, at::Device device);

// Starts the copy of `tensor` to the host, into memory of the job. On a device that works behind the thread's back the
// values are there when it has come so far.
at::Tensor to_host(const at::Tensor& tensor);

// What `to_host` gave for this device, in memory that outlives the job; the values have to be there.
at::Tensor kept(const at::Tensor& host, at::Device device);

// `tensor` on the host, in memory that outlives the job. Waits for all that the thread gave the device.
at::Tensor fetched(const at::Tensor& tensor);

}  // namespace virnucpro
