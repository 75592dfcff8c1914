#pragma once

#include <cstdint>
#include <vector>

namespace virnucpro {

// Slopes of attention with linear biases, one a head (Press et al. 2022): a geometric sequence for a power of two; for
// another count the slopes of the next lower power of two, then every second one of the next higher.
std::vector<float> alibi_slopes(int64_t heads);

}  // namespace virnucpro
