#pragma once

#include <ATen/core/Tensor.h>

namespace virnucpro {

// Host memory for copies to and from the device, page-locked where that lets a copy run asynchronously. It belongs to
// the job and must not be used after the job has ended.
at::Tensor host_memory(at::IntArrayRef sizes, at::ScalarType type, at::Device device);

// Starts the copy of `host` to the device.
at::Tensor to_device(const at::Tensor& host, at::Device device);

// Starts the copy of `tensor` to the host, into memory of the job. On an asynchronous device the values are valid only
// once the device has reached this point.
at::Tensor to_host(const at::Tensor& tensor);

// What `to_host` returned for this device, in memory that outlives the job; the values must have arrived.
at::Tensor kept(const at::Tensor& host, at::Device device);

// `tensor` on the host, in memory that outlives the job. Waits for everything that the thread gave the device.
at::Tensor fetched(const at::Tensor& tensor);

}  // namespace virnucpro
