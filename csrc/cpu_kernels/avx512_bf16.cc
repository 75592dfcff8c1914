#if defined(__x86_64__)

#include "cpu_kernels/attention_kernel.h"
#include "cpu_kernels/normalize_kernel.h"

namespace virnucpro {

extern const CpuKernels kAvx512BFloat16;
const CpuKernels kAvx512BFloat16 = {attention_scratch_bytes<BFloat16>, attend<BFloat16>, normalize<BFloat16>};

}  // namespace virnucpro

#endif
