#include "model/cpu_work.h"

#include <algorithm>

#include "thread_team.h"

namespace virnucpro {

const CpuKernels* kernels_for(c10::Device device, c10::ScalarType dtype) {
  if (!device.is_cpu()) return nullptr;
  if (dtype == c10::kFloat) return cpu_kernels(ElementType::kFloat32);
  return dtype == c10::kBFloat16 ? cpu_kernels(ElementType::kBFloat16) : nullptr;
}

void parallel_for(int64_t count, const std::function<void(int64_t, int64_t)>& work) {
  on_every_thread([&](int thread, int threads) {
    const auto each = (count + threads - 1) / threads;
    const auto begin = std::min(count, thread * each);
    const auto end = std::min(count, begin + each);
    if (begin < end) work(begin, end);
  });
}

}  // namespace virnucpro
