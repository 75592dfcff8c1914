#if defined(__x86_64__)

#include "cpu_kernels/attention_kernel.h"
#include "cpu_kernels/normalize_kernel.h"

namespace virnucpro {

extern const CpuKernels kAvx512Float32;
const CpuKernels kAvx512Float32 = {attention_scratch_bytes<Float32>, attend<Float32>, normalize<Float32>};

}  // namespace virnucpro

#endif
