#pragma once

namespace virnucpro {

// Makes libtorch's CUDA libraries multiply float32 as float32, not as TF32, and sum the products of half types in
// float32 even where they split a sum. Applies to all workers of the process, whichever opens first; may be called on
// any thread.
void keep_matrix_precision();

}  // namespace virnucpro
