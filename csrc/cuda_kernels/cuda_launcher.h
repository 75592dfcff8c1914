#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "cuda_kernels/kernel_cache.h"
#include "cuda_kernels/launcher.h"

namespace virnucpro {

// All of this throws what libtorch's own kernels throw: c10::AcceleratorError with the driver's number, which is that
// of cudaError_t where both have it.

// Kernels that were loaded into the context that is current on this thread, by name; libtorch makes it current when it
// computes. They stay loaded as long as the
// process: to unload one would be to wait for a device that may not answer any more.
class CudaLauncher final : public KernelLauncher {
 public:
  // `stream`: the CUstream for a launch on the calling thread.
  explicit CudaLauncher(std::function<void*()> stream) : stream_(std::move(stream)) {}

  void load(const std::string& kernel, const KernelImage& image);
  // On any thread whose current context it was loaded in. Also throws what an earlier kernel, of whomever, failed with.
  void launch(const char* kernel, const LaunchShape& shape, void** arguments) const override;

 private:
  std::function<void*()> stream_;
  std::map<std::string, void*, std::less<>> functions_;
};

}  // namespace virnucpro
