#pragma once

namespace virnucpro {

// Makes libtorch's CUDA libraries multiply float32 as float32, not as TF32, and add up the products of half types
// in float32 wherever they split a sum. The same for all workers of the process, whichever opens first; on any thread.
void keep_matrix_precision();

}  // namespace virnucpro
