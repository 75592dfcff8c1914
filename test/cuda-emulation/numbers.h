// 16-bit numbers, rounded as in hardware: to nearest, ties to even.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float half_to_float(unsigned bits) {
  const unsigned sign = (bits & 0x8000u) << 16;
  const unsigned magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) return __uint_as_float(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  // Read as a float, the same bits are 2^-112 times the value, denormal or not.
  return __uint_as_float(sign | __float_as_uint(__uint_as_float(magnitude << 13) * 0x1p112f));
}

inline unsigned float_to_half(float value) {
  const unsigned bits = __float_as_uint(value);
  const unsigned sign = bits >> 16 & 0x8000u;
  const unsigned magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return 0x7fffu;
  if (magnitude >= 0x47800000u) return sign | 0x7c00u;
  // Rounds a denormal by an addition whose last place is the denormal's.
  if (magnitude < 0x38800000u) {
    return sign | (__float_as_uint(__uint_as_float(magnitude) + 0.5f) - __float_as_uint(0.5f));
  }
  const unsigned odd = magnitude >> 13 & 1u;
  return sign | (magnitude - 0x38000000u + 0xfffu + odd) >> 13;
}

inline unsigned float_to_bfloat16(float value) {
  const unsigned bits = __float_as_uint(value);
  if (value != value) return 0x7fffu;
  return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

inline unsigned pack_half(float low, float high) { return float_to_half(low) | float_to_half(high) << 16; }

inline unsigned pack_bfloat16(float low, float high) { return float_to_bfloat16(low) | float_to_bfloat16(high) << 16; }
