#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "cuda_kernels/kernel_cache.h"
#include "cuda_kernels/launcher.h"

namespace virnucpro {

// Everything here throws what libtorch's own kernels throw: c10::AcceleratorError with the driver's error number, which
// equals that of cudaError_t where both define it.

// Kernels, by name, that were loaded into the context that is current on this thread; libtorch makes it current when it
// computes. They stay loaded for the life of the process: unloading one would mean waiting for a device that may no
// longer answer.
class CudaLauncher final : public KernelLauncher {
 public:
  // `stream` returns the CUstream for a launch on the calling thread.
  explicit CudaLauncher(std::function<void*()> stream) : stream_(std::move(stream)) {}

  void load(const std::string& kernel, const KernelImage& image);
  // On any thread whose current context the kernel was loaded into. Also throws the failure of an earlier kernel,
  // whoever launched it.
  void launch(const char* kernel, const LaunchShape& shape, void** arguments) const override;

 private:
  std::function<void*()> stream_;
  std::map<std::string, void*, std::less<>> functions_;
};

}  // namespace virnucpro
