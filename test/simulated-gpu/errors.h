#pragma once

// Errors of libtorch's type, with CUDA's messages.
namespace simulated {

// Numbers of cudaError_t.
enum CudaError : int {
  kSuccess = 0,
  kInitializationError = 3,
  kInsufficientDriver = 35,
  kDevicesUnavailable = 46,
  kInvalidDevice = 101,
  kNoKernelImage = 209,
  kIllegalAddress = 700,
  kLaunchFailure = 719,
};

[[noreturn]] void raise(int error);

}  // namespace simulated
