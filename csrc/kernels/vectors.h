#pragma once

// Vectors of the instruction set that the including file is compiled for. Everything here and in the kernels has
// internal linkage and uses no template of the standard library: the linker must never take code for one processor
// where code for another was meant.

#include <cstdint>
#include <cstring>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace virnucpro {
namespace {

#if defined(__AVX512F__)
constexpr int64_t kLanes = 16;
#else
constexpr int64_t kLanes = 8;
#endif

typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef int32_t Integers __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Units __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));

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

inline float sum_of(Floats values) {
  float sum = 0;
  for (int64_t i = 0; i < kLanes; ++i) sum += values[i];
  return sum;
}

inline float largest_of(Floats values) {
  float largest = values[0];
  for (int64_t i = 1; i < kLanes; ++i) largest = values[i] > largest ? values[i] : largest;
  return largest;
}

constexpr int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// 2^x for x <= 0, with a polynomial of this degree for the fraction in [-0.5, 0.5] (Taylor's of e^(x ln 2); relative
// error 6e-5 for degree 4, 2e-8 for 6... below what the result is rounded to). Below 2^-126 the result is 2^-126, that
// of a NaN is NaN.
template <int kDegree>
inline Floats power_of_two(Floats x) {
  constexpr float kCoefficients[] = {
      1.0F, 6.931471806e-1F, 2.402265070e-1F, 5.550410866e-2F, 9.618129108e-3F, 1.333355815e-3F, 1.540353039e-4F};
  const Floats lowest = broadcast(-126.0F);
  // Written so that a NaN passes.
  x = x < lowest ? lowest : x;
  // The last bit of 1.5 * 2^23 is worth 1: the addition rounds to a whole number.
  const Floats magic = broadcast(12582912.0F);
  const Floats rounded = x + magic;
  const Floats fraction = x - (rounded - magic);
  Floats power = broadcast(kCoefficients[kDegree]);
  for (int i = kDegree - 1; i >= 0; --i) power = power * fraction + kCoefficients[i];
  const auto exponent = (reinterpret_cast<Integers>(rounded) + 127) << 23;
  return power * reinterpret_cast<Floats>(exponent);
}

// What two numbers are multiplied in. A unit is 32 bits of neighbouring numbers that one instruction multiplies with
// another unit and sums: one float, or two bfloat16.
struct Float32 {
  using Number = float;
  static constexpr int64_t kNumbers = 1;
  // Rounded to 24 bits.
  static constexpr int kPowerDegree = 6;

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
  // Rounded to 8 bits.
  static constexpr int kPowerDegree = 4;

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
