#pragma once

namespace virnucpro {

// Tells libtorch's CUDA libraries to multiply float32 as float32, not as TF32, and to add up the products of half types
// in float32 wherever they split a sum. The same for all workers of the process, whichever opens first; on any thread.
void keep_matrix_precision();

}  // namespace virnucpro
