// mma.m16n8k16 with float32 sums: d[16, 8] += a[16, 16] b[16, 8], distributed over the lanes of a warp as in PTX ISA,
// "Matrix fragments for mma.m16n8k16".
#pragma once

#include "block.h"
#include "numbers.h"

namespace emulation {

struct Fragments {
  unsigned a[4];
  unsigned b[2];
};

template <typename Widen>
void multiply_add(int line, float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], Widen widen) {
  const Fragments own = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  static_assert(sizeof own == sizeof(Block::Words));
  const auto& laid = Block::current().exchange(line, &own, sizeof own);
  const unsigned lane = state.thread.x % kWarpSize;
  const unsigned group = lane / 4;
  const unsigned place = lane % 4;
  for (unsigned k = 0; k < 16; ++k) {
    // Which lane holds column k of a and row k of b, and in which of its words and halves.
    const unsigned holder = k % 8 / 2;
    const unsigned word = k / 8;
    const unsigned shift = k % 2 * 16;
    const auto& rows = laid[group * 4 + holder];
    const float upper = widen(rows[2 * word] >> shift & 0xffffu);
    const float lower = widen(rows[2 * word + 1] >> shift & 0xffffu);
    for (unsigned j = 0; j < 2; ++j) {
      const float factor = widen(laid[(place * 2 + j) * 4 + holder][4 + word] >> shift & 0xffffu);
      d[j] += upper * factor;
      d[2 + j] += lower * factor;
    }
  }
}

}  // namespace emulation

inline void multiply_add_half(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  emulation::multiply_add(__LINE__, d, a, b, half_to_float);
}

inline void multiply_add_bfloat16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  emulation::multiply_add(__LINE__, d, a, b, [](unsigned bits) { return __uint_as_float(bits << 16); });
}
