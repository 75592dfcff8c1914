#pragma once

// Vectors of the instruction set that the including file is compiled for. Everything here and in the kernels has
// internal linkage and uses no template of the standard library: the linker must never take code for one processor in
// place of code for another.

#include <cstdint>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace virnucpro {
namespace {

#if defined(__AVX512F__)
constexpr int64_t kLanes = 16;
#else
constexpr int64_t kLanes = 8;
#endif

using Floats __attribute__((vector_size(4 * kLanes))) = float;
using Integers __attribute__((vector_size(4 * kLanes))) = int32_t;
using Units __attribute__((vector_size(4 * kLanes))) = uint32_t;
using Halves __attribute__((vector_size(2 * kLanes))) = uint16_t;

template <typename Vector>
inline Vector load(const void* from) {
  Vector vector;
  __builtin_memcpy(&vector, from, sizeof(Vector));
  return vector;
}

template <typename Vector>
inline void store(void* to, Vector vector) {
  __builtin_memcpy(to, &vector, sizeof(Vector));
}

inline Floats broadcast(float value) { return Floats{} + value; }

// By halves, so that no step waits for more than a few others.
template <typename Combine>
inline float combined(Floats values, Combine combine) {
  using Four __attribute__((vector_size(16))) = float;
  Four fours[kLanes / 4];
  __builtin_memcpy(fours, &values, sizeof(values));
  for (int64_t half = kLanes / 8; half > 0; half /= 2) {
    for (int64_t i = 0; i < half; ++i) fours[i] = combine(fours[i], fours[half + i]);
  }
  const Four four = fours[0];
  return combine(combine(four[0], four[2]), combine(four[1], four[3]));
}

inline float sum_of(Floats values) {
  return combined(values, [](auto a, auto b) { return a + b; });
}

inline float largest_of(Floats values) {
  return combined(values, [](auto a, auto b) { return a > b ? a : b; });
}

constexpr int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// 2^f for f in [-0.5, 0.5]: polynomials of minimal relative error (1e-4 for degree 3, 2e-8 for degree 6 in float32),
// fitted by least squares whose weights are raised where the error is largest until it is equal everywhere (Lawson
// 1961).
constexpr float kPowerOfDegree3[] = {0.999928057F, 0.693260968F, 0.242611125F, 0.0551716685F};
constexpr float kPowerOfDegree6[] = {1.0F,           0.693147182F,   0.240226462F,   0.0555032864F,
                                     0.00961848907F, 0.00133999309F, 0.000153458124F};

// 2^x for x <= 0; NaN stays NaN.
template <int64_t kCount>
inline Floats power_of_two(Floats x, const float (&coefficients)[kCount]) {
#if defined(__AVX512F__)
  // If one operand is NaN, max returns the second.
  const __m512 bounded = _mm512_max_ps(_mm512_set1_ps(-1e6F), reinterpret_cast<__m512>(x));
  const __m512 whole = _mm512_roundscale_ps(bounded, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const Floats fraction = reinterpret_cast<Floats>(_mm512_sub_ps(bounded, whole));
#else
  const Floats lowest = broadcast(-126.0F);
  // Written so that a NaN passes through.
  x = x < lowest ? lowest : x;
  // The last bit of 1.5 * 2^23 is worth 1: the addition rounds to a whole number.
  const Floats rounded = x + 12582912.0F;
  const Floats fraction = x - (rounded - 12582912.0F);
#endif
  Floats power = broadcast(coefficients[kCount - 1]);
  for (int64_t i = kCount - 2; i >= 0; --i) power = power * fraction + coefficients[i];
#if defined(__AVX512F__)
  return reinterpret_cast<Floats>(_mm512_scalef_ps(reinterpret_cast<__m512>(power), whole));
#else
  return power * reinterpret_cast<Floats>((reinterpret_cast<Integers>(rounded) + 127) << 23);
#endif
}

// The type that numbers are multiplied in. A unit is 32 bits of adjacent numbers that one instruction multiplies with
// another unit and sums: one float, or two bfloat16.
struct Float32 {
  using Number = float;
  static constexpr int64_t kNumbers = 1;
  static Floats power(Floats x) { return power_of_two(x, kPowerOfDegree6); }

  static Floats numbers(const float* from) { return load<Floats>(from); }
  static void put(float* to, Floats values) { store(to, values); }
  static float number(float value) { return value; }
  static float rounded(float value) { return value; }
  static Units paired(const float* even, const float*) { return load<Units>(even); }
  static Floats multiply_add(Floats sum, uint32_t a, Units b) {
    float number;
    __builtin_memcpy(&number, &a, sizeof(number));
    return reinterpret_cast<Floats>(b) * number + sum;
  }
};

#if defined(__AVX512BF16__)

struct BFloat16 {
  using Number = uint16_t;
  static constexpr int64_t kNumbers = 2;
  // Degree 3 is enough: the result is rounded to 8 bits.
  static Floats power(Floats x) { return power_of_two(x, kPowerOfDegree3); }

  static Floats numbers(const uint16_t* from) {
    return reinterpret_cast<Floats>(__builtin_convertvector(load<Halves>(from), Units) << 16);
  }
  static void put(uint16_t* to, Floats values) { store(to, _mm512_cvtneps_pbh(reinterpret_cast<__m512>(values))); }
  static float number(uint16_t value) {
    const uint32_t bits = static_cast<uint32_t>(value) << 16;
    float number;
    __builtin_memcpy(&number, &bits, sizeof(number));
    return number;
  }
  static uint16_t rounded(float value) {
    const auto bits = _mm_cvtneps_pbh(_mm_set_ss(value));
    uint16_t number;
    __builtin_memcpy(&number, &bits, sizeof(number));
    return number;
  }
  static Units paired(const uint16_t* even, const uint16_t* odd) {
    return __builtin_convertvector(load<Halves>(even), Units) |
           (__builtin_convertvector(load<Halves>(odd), Units) << 16);
  }
  static Floats multiply_add(Floats sum, uint32_t a, Units b) {
    return reinterpret_cast<Floats>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum),
                                                     reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(a))),
                                                     reinterpret_cast<__m512bh>(b)));
  }
};

#endif

}  // namespace
}  // namespace virnucpro
