// What a GPU has and C++ lacks. The emulation on the host has its own version of each.
#ifdef __CUDACC_RTC__

// The block's own instance of T.
template <typename T>
__device__ __forceinline__ T& shared() {
  __shared__ T storage;
  return storage;
}

// All access to device memory, so that the emulation can count it. `again`: a GPU finds the value in its caches.
template <typename T>
__device__ __forceinline__ T load(const T* address, bool again = false) {
  return *address;
}

template <typename T>
__device__ __forceinline__ void store(T* address, const T& value) {
  *address = value;
}

// Two 16-bit numbers in a word, the first in the low half, rounded to nearest even.

__device__ __forceinline__ float half_to_float(unsigned bits) {
  float value;
  asm("{ .reg .b16 h; cvt.u16.u32 h, %1; cvt.f32.f16 %0, h; }" : "=f"(value) : "r"(bits));
  return value;
}

__device__ __forceinline__ unsigned pack_half(float low, float high) {
  unsigned pair;
#if __CUDA_ARCH__ >= 800
  asm("cvt.rn.f16x2.f32 %0, %2, %1;" : "=r"(pair) : "f"(low), "f"(high));
#else
  asm("{ .reg .b16 l, h; cvt.rn.f16.f32 l, %1; cvt.rn.f16.f32 h, %2; mov.b32 %0, {l, h}; }"
      : "=r"(pair)
      : "f"(low), "f"(high));
#endif
  return pair;
}

__device__ __forceinline__ unsigned pack_bfloat16(float low, float high) {
#if __CUDA_ARCH__ >= 800
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %2, %1;" : "=r"(pair) : "f"(low), "f"(high));
  return pair;
#else
  const auto rounded = [](float value) {
    const unsigned bits = __float_as_uint(value);
    return value != value ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  };
  return rounded(low) | rounded(high) << 16;
#endif
}

// d[16, 8] += a[16, 16] b[16, 8] on the tensor cores, each matrix distributed over a warp as PTX defines it for
// mma.m16n8k16.

__device__ __forceinline__ void multiply_add_half(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[2 * i]), "r"(a[2 * i + 1]), "r"(b[i]));
  }
#endif
}

__device__ __forceinline__ void multiply_add_bfloat16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif
