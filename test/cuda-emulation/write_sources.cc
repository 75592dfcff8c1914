// Writes what the addon passes to NVRTC: write_sources FOLDER. The source of each kernel, and the options of each
// element type, one per line.
#include <fstream>

#include "cuda_kernels/kernel_sources.h"

int main(int, char** words) {
  const std::string folder = words[1];
  for (const auto& source : virnucpro::kernel_sources()) {
    std::ofstream(folder + "/" + source.name + ".cu") << source.text;
  }
  const std::pair<const char*, virnucpro::KernelElement> elements[] = {
      {"float", virnucpro::KernelElement::kFloat},
      {"half", virnucpro::KernelElement::kHalf},
      {"bfloat16", virnucpro::KernelElement::kBFloat16},
  };
  for (const auto& [name, element] : elements) {
    std::ofstream file(folder + "/" + name + ".options");
    for (const auto& option : virnucpro::compile_options(element)) file << option << "\n";
  }
}
