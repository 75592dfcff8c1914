#include "device/matrix_precision.h"

#include <ATen/Context.h>

#include <mutex>

namespace virnucpro {

void keep_matrix_precision() {
  static std::once_flag set;
  std::call_once(set, [] {
    auto& context = at::globalContext();
    // This also overrides what the environment asked for (TORCH_ALLOW_TF32_CUBLAS_OVERRIDE).
    context.setFloat32MatmulPrecision("highest");
    context.setAllowTF32CuDNN(false);
    // Splitting a sum among blocks stays allowed: without it libtorch refuses to call cuBLAS at all.
    context.setAllowBF16ReductionCuBLAS(/*allow_reduced_precision=*/false, /*allow_splitk=*/true);
    context.setAllowFP16ReductionCuBLAS(/*allow_reduced_precision=*/false, /*allow_splitk=*/true);
    context.setAllowFP16AccumulationCuBLAS(false);
  });
}

}  // namespace virnucpro
