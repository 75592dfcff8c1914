#include "cpu_kernels/cpu_kernels.h"

#include <cstdlib>
#include <string>

namespace virnucpro {

#if defined(__x86_64__)

extern const CpuKernels kAvx2Float32;
extern const CpuKernels kAvx512Float32;
extern const CpuKernels kAvx512BFloat16;

namespace {

struct Capabilities {
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  bool avx512_bf16 = avx512 && __builtin_cpu_supports("avx512bf16");

  // ATEN_CPU_CAPABILITY limits libtorch to default, avx2 or avx512; these kernels obey the same limit.
  Capabilities() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment after the loader
    const char* const limit = std::getenv("ATEN_CPU_CAPABILITY");
    if (limit == nullptr) return;
    if (std::string(limit) == "default") avx2 = false;
    if (std::string(limit) == "default" || std::string(limit) == "avx2") avx512 = avx512_bf16 = false;
  }
};

}  // namespace

const CpuKernels* cpu_kernels(ElementType type) {
  static const Capabilities has;
  if (type == ElementType::kBFloat16) return has.avx512_bf16 ? &kAvx512BFloat16 : nullptr;
  if (has.avx512) return &kAvx512Float32;
  return has.avx2 ? &kAvx2Float32 : nullptr;
}

#else

const CpuKernels* cpu_kernels(ElementType) { return nullptr; }

#endif

}  // namespace virnucpro
