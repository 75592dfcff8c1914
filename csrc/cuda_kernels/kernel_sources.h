#pragma once

#include <string>
#include <vector>

namespace virnucpro {

// The type that matrices are multiplied in, which the kernels read and write.
enum class KernelElement { kFloat, kHalf, kBFloat16 };

// One kernel as NVRTC takes it: a text that includes nothing.
struct KernelSource {
  // Of its extern "C" function.
  std::string name;
  std::string text;
};

// All of them. Attention is there once for each width of a head that it knows: compile what is launched.
const std::vector<KernelSource>& kernel_sources();

// What NVRTC needs to know besides the architecture.
std::vector<std::string> compile_options(KernelElement element);

}  // namespace virnucpro
