#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/architecture.h"
#include "cuda_kernels/nvrtc.h"
#include "device/worker_message.h"
#include "model/device_kernels.h"

namespace virnucpro {

// What this project's CUDA kernels are compiled with, and the folder in which they are kept.
struct KernelCompiler {
  NvrtcFiles nvrtc;
  std::string cache_folder;
};

// For the workers that open from now on. On any thread.
void set_kernel_compiler(KernelCompiler compiler);

// Compiles and loads the kernels for this GPU (`capability`: 90 for 9.0), whose context is made current, and compares
// them with libtorch's operators there. A kernel that cannot be had or computes other numbers is left out, with a
// message; null where none is left, or no compiler was set. Throws what ends all work on the GPU.
std::shared_ptr<const DeviceKernels> open_own_kernels(at::Device device, int capability, at::ScalarType dtype,
                                                      const std::vector<Architecture>& architectures, const Emit& emit);

}  // namespace virnucpro
