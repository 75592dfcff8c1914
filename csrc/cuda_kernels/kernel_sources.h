#pragma once

#include <string>
#include <vector>

namespace virnucpro {

// The type that matrices are multiplied in, which the kernels read and write.
enum class KernelElement { kFloat, kHalf, kBFloat16 };

// The source of one kernel for NVRTC, without any #include.
struct KernelSource {
  // The name of its extern "C" function.
  std::string name;
  std::string text;
};

// All kernels. Attention appears once for each head width that it supports: compile only what is launched.
const std::vector<KernelSource>& kernel_sources();

// The options for NVRTC, except for the architecture.
std::vector<std::string> compile_options(KernelElement element);

}  // namespace virnucpro
