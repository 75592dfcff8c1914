// With erf, as both models were trained.
__device__ __forceinline__ float gelu(float x) {
  constexpr float kRootOfHalf = 0.707106781f;
  return 0.5f * x * (1.0f + erff(x * kRootOfHalf));
}
