#include "archive/tensor_extent.h"

#include <cstddef>

namespace virnucpro {

bool is_dense(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  if (shape.size() != strides.size()) return false;
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    if (__builtin_mul_overflow(expected, shape[i], &expected)) return false;
  }
  return true;
}

bool lies_within(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides, int64_t element_bytes,
                 int64_t offset, int64_t size) {
  if (shape.size() != strides.size() || offset < 0 || offset > size) return false;
  int64_t last = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t reach = 0;
    if (shape[i] < 1 || strides[i] < 0 || __builtin_mul_overflow(shape[i] - 1, strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      return false;
    }
  }
  int64_t extent = 0;
  return !__builtin_add_overflow(last, int64_t{1}, &last) && !__builtin_mul_overflow(last, element_bytes, &extent) &&
         extent <= size - offset;
}

}  // namespace virnucpro
