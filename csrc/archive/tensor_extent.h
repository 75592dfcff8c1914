#pragma once

#include <cstdint>
#include <vector>

namespace virnucpro {

// Whether a tensor's elements lie one behind another, those of the last dimension as neighbours.
bool is_dense(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides);

// Whether every element of a tensor lies within `size` bytes when its first one begins at byte `offset`; the strides
// are in elements. Then the arithmetic of any of its rows stays within 64 bits, too. False for another number of
// strides than of dimensions, for a negative stride or offset, and for a dimension below 1.
bool lies_within(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides, int64_t element_bytes,
                 int64_t offset, int64_t size);

}  // namespace virnucpro
