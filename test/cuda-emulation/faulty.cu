// Each thread computes the sum of its block's 64 numbers, with a chosen fault: for the tests of the emulation.
struct alignas(16) Numbers {
  float values[64];
};

extern "C" __global__ void faulty(const float* input, float* output, int fault) {
  constexpr int kRace = 1, kMissedBarrier = 2, kPastShared = 3, kPastInput = 4, kUnaligned = 5, kUnwritten = 6;
  constexpr int kDivergedShuffle = 7;
  auto& numbers = shared<Numbers>();
  const int thread = threadIdx.x;
  if (fault == kPastShared) numbers.values[thread + 1] = 0;
  if (fault != kUnwritten || thread != 5) numbers.values[thread] = load(input + thread + (fault == kPastInput));
  if (fault == kUnaligned) load(reinterpret_cast<const float4*>(input + 1));
  if (fault == kMissedBarrier && thread == 40) return;
  __syncthreads();
  if (fault == kRace) numbers.values[thread] += numbers.values[63 - thread];
  float sum = 0;
  for (int i = 0; i < 64; ++i) sum += numbers.values[i];
  if (fault == kDivergedShuffle && thread < 16) {
    sum = __shfl_xor_sync(~0u, sum, 1);
  } else {
    sum = __shfl_xor_sync(~0u, sum, 1);
  }
  store(output + thread, sum);
}
