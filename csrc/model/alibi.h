#pragma once

#include <cstdint>
#include <vector>

namespace virnucpro {

// Slopes of attention with linear biases, one per head (Press et al. 2022). For a power of two they are a geometric
// sequence. Any other number of heads takes the slopes of the next lower power of two, then every second slope of the
// next higher one.
std::vector<float> alibi_slopes(int64_t heads);

}  // namespace virnucpro
