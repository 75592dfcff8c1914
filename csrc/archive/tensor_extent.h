#pragma once

#include <cstdint>
#include <vector>

namespace virnucpro {

// Whether a tensor's elements are contiguous, with those of the last dimension adjacent.
bool is_dense(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides);

// Whether every element of a tensor lies within `size` bytes if the first one begins at byte `offset`; strides are in
// elements. If so, the arithmetic of any of its rows stays within 64 bits too. False if strides and dimensions differ
// in number, for a negative stride or offset, and for a dimension below 1.
bool lies_within(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides, int64_t element_bytes,
                 int64_t offset, int64_t size);

}  // namespace virnucpro
