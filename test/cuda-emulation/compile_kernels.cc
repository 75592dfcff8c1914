// Compiles kernels for a GPU: compile_kernels NVRTC BUILTINS CAPABILITY ELEMENT FOLDER KERNEL... NVRTC, BUILTINS: paths of
// the libraries; CAPABILITY: 90 for 9.0. Writes <kernel>.cubin into FOLDER.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "cuda_kernels/kernel_sources.h"
#include "cuda_kernels/nvrtc.h"

int main(int count, char** words) {
  using virnucpro::KernelElement;
  const std::string name = words[4];
  const auto element = name == "half"       ? KernelElement::kHalf
                       : name == "bfloat16" ? KernelElement::kBFloat16
                                            : KernelElement::kFloat;
  try {
    const virnucpro::Nvrtc nvrtc({words[1], words[2]});
    auto options = virnucpro::compile_options(element);
    options.push_back("--gpu-architecture=" + nvrtc.architecture_for(std::stoi(words[3])));
    for (const auto& source : virnucpro::kernel_sources()) {
      if (std::find(words + 6, words + count, source.name) == words + count) continue;
      const auto image = nvrtc.compile(source.name, source.text, options);
      std::ofstream(std::string(words[5]) + "/" + source.name + ".cubin", std::ios::binary) << image;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
