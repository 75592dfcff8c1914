#include "model/cpu_work.h"

#include <ATen/Parallel.h>

namespace virnucpro {

const CpuKernels* kernels_for(c10::Device device, c10::ScalarType dtype) {
  if (!device.is_cpu()) return nullptr;
  if (dtype == c10::kFloat) return cpu_kernels(ElementType::kFloat32);
  return dtype == c10::kBFloat16 ? cpu_kernels(ElementType::kBFloat16) : nullptr;
}

void share_out(int64_t count, const std::function<void(int64_t, int64_t)>& work) {
  at::parallel_for(0, count, 1, work);
}

}  // namespace virnucpro
