#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/architecture.h"
#include "cuda_kernels/nvrtc.h"
#include "device/worker_message.h"
#include "model/device_kernels.h"

namespace virnucpro {

// What this project's CUDA kernels are compiled with, and the folder that they are cached in.
struct KernelCompiler {
  NvrtcFiles nvrtc;
  std::string cache_folder;
};

// Applies to workers that open from now on. On any thread.
void set_kernel_compiler(KernelCompiler compiler);

// Compiles and loads the kernels for this GPU (`capability`: 90 for 9.0), makes its context current, and checks the
// kernels against libtorch's operators there. A kernel that cannot be loaded, or that computes different numbers, is
// left out with a message; null if none can be used, or no compiler was set. Throws failures that end all work on the
// GPU.
std::shared_ptr<const DeviceKernels> open_cuda_kernels(at::Device device, int capability, at::ScalarType dtype,
                                                       const std::vector<Architecture>& architectures,
                                                       const Emit& emit);

}  // namespace virnucpro
