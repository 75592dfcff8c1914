#include "cuda_kernels/kernel_sources.h"

#include "cuda_kernels/embedded_sources.h"
#include "cuda_kernels/kernel_calls.h"

namespace virnucpro {

namespace {

// Attention for heads of one width, under a name of its own.
KernelSource for_head_width(const KernelSource& attention, int64_t head_width) {
  const auto name = AlibiAttentionCall::kernel_for(head_width);
  return {name, "#define HEAD_WIDTH " + std::to_string(head_width) + "\n#define " + attention.name + " " + name + "\n" +
                    attention.text};
}

std::vector<KernelSource> all_sources() {
  std::vector<KernelSource> all;
  for (const auto& source : embedded_sources()) {
    if (source.name != AlibiAttentionCall::kKernel) {
      all.push_back(source);
      continue;
    }
    for (auto width = AlibiAttentionCall::kWidthStep; width <= AlibiAttentionCall::kMaxWidth;
         width += AlibiAttentionCall::kWidthStep) {
      all.push_back(for_head_width(source, width));
    }
  }
  return all;
}

}  // namespace

const std::vector<KernelSource>& kernel_sources() {
  static const std::vector<KernelSource> all = all_sources();
  return all;
}

std::vector<std::string> compile_options(KernelElement element) {
  const std::string standard = "--std=c++17";
  // Tensor cores multiply these with float32 sums since compute capability 7.5 (half) and 8.0 (bfloat16).
  if (element == KernelElement::kHalf) return {standard, "-DELEMENT=half", "-DTENSOR_CORES_SINCE=750"};
  if (element == KernelElement::kBFloat16) return {standard, "-DELEMENT=bfloat16", "-DTENSOR_CORES_SINCE=800"};
  return {standard, "-DELEMENT=float"};
}

}  // namespace virnucpro
