// The type that matrices are multiplied in (ELEMENT: float, half or bfloat16), as 16-byte accesses and floats.
#include "gpu.cuh"

struct half {
  unsigned short bits;
};

struct bfloat16 {
  unsigned short bits;
};

using Element = ELEMENT;

// Numbers that a thread takes at a time; every width is a multiple of it.
constexpr int kChunk = 8;

struct Chunk {
  float values[kChunk];
};

template <typename T>
struct Pair;

template <>
struct Pair<half> {
  static __device__ __forceinline__ float low(unsigned pair) { return half_to_float(pair & 0xffffu); }
  static __device__ __forceinline__ float high(unsigned pair) { return half_to_float(pair >> 16); }
  static __device__ __forceinline__ unsigned of(float low, float high) { return pack_half(low, high); }
};

template <>
struct Pair<bfloat16> {
  static __device__ __forceinline__ float low(unsigned pair) { return __uint_as_float(pair << 16); }
  static __device__ __forceinline__ float high(unsigned pair) { return __uint_as_float(pair & 0xffff0000u); }
  static __device__ __forceinline__ unsigned of(float low, float high) { return pack_bfloat16(low, high); }
};

template <typename T>
__device__ __forceinline__ Chunk load_chunk(const T* address, bool again = false) {
  const uint4 words = load(reinterpret_cast<const uint4*>(address), again);
  return {Pair<T>::low(words.x), Pair<T>::high(words.x), Pair<T>::low(words.y), Pair<T>::high(words.y),
          Pair<T>::low(words.z), Pair<T>::high(words.z), Pair<T>::low(words.w), Pair<T>::high(words.w)};
}

__device__ __forceinline__ Chunk load_chunk(const float* address, bool again = false) {
  const float4 low = load(reinterpret_cast<const float4*>(address), again);
  const float4 high = load(reinterpret_cast<const float4*>(address) + 1, again);
  return {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
}

template <typename T>
__device__ __forceinline__ void store_chunk(T* address, const Chunk& chunk) {
  const float* v = chunk.values;
  store(reinterpret_cast<uint4*>(address), uint4{Pair<T>::of(v[0], v[1]), Pair<T>::of(v[2], v[3]),
                                                 Pair<T>::of(v[4], v[5]), Pair<T>::of(v[6], v[7])});
}

__device__ __forceinline__ void store_chunk(float* address, const Chunk& chunk) {
  const float* v = chunk.values;
  store(reinterpret_cast<float4*>(address), float4{v[0], v[1], v[2], v[3]});
  store(reinterpret_cast<float4*>(address) + 1, float4{v[4], v[5], v[6], v[7]});
}
