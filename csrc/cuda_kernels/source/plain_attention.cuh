// Attention with float32 multiplications, for float32 and for devices whose tensor cores do not support the type. A
// warp takes 8 queries at a time; a lane takes one of 32 keys for the logits, and every 32nd column for the output.
constexpr int kKeys = kWarp;
constexpr int kTogether = 8;  // queries of a warp
constexpr int kWarps = kThreads / kWarp;
constexpr int kColumns = (HEAD_WIDTH + kWarp - 1) / kWarp;  // of a lane
constexpr int kKeyStep = HEAD_WIDTH + 4;  // so that a warp's accesses hit different banks of shared memory

struct alignas(16) Tiles {
  float queries[kWarps * kTogether][HEAD_WIDTH];
  // The keys, then the values.
  float keys[kKeys][kKeyStep];
  float weights[kWarps][kKeys][kTogether];
};

// Rows past the sequence's end become zeros: those of the next sequence may hold NaN.
__device__ __forceinline__ void load_tile(const Element* rows, const Head& head, int first, float* tile, int tile_step,
                                          int count, bool again) {
  constexpr int kChunks = HEAD_WIDTH / kChunk;
  for (int i = threadIdx.x; i < count * kChunks; i += kThreads) {
    const int row = i / kChunks;
    const int column = i % kChunks * kChunk;
    Chunk chunk = {};
    if (first + row < head.length) chunk = load_chunk(rows + (first + row) * head.row_step + column, again);
    float4* const to = reinterpret_cast<float4*>(tile + row * tile_step + column);
    to[0] = float4{chunk.values[0], chunk.values[1], chunk.values[2], chunk.values[3]};
    to[1] = float4{chunk.values[4], chunk.values[5], chunk.values[6], chunk.values[7]};
  }
}

__device__ __forceinline__ void multiply_keys(const Tiles& tiles, float (&logits)[kTogether]) {
  const int first = threadIdx.x / kWarp * kTogether;
#pragma unroll
  for (int q = 0; q < kTogether; ++q) logits[q] = 0;
#pragma unroll 4
  for (int column = 0; column < HEAD_WIDTH; column += 4) {
    const float4 key = *reinterpret_cast<const float4*>(&tiles.keys[threadIdx.x % kWarp][column]);
#pragma unroll
    for (int q = 0; q < kTogether; ++q) {
      const float4 query = *reinterpret_cast<const float4*>(&tiles.queries[first + q][column]);
      logits[q] += query.x * key.x;
      logits[q] += query.y * key.y;
      logits[q] += query.z * key.z;
      logits[q] += query.w * key.w;
    }
  }
}

__device__ __forceinline__ void multiply_values(const Tiles& tiles, float (&output)[kTogether][kColumns]) {
#pragma unroll 4
  for (int key = 0; key < kKeys; ++key) {
    const float4* const from = reinterpret_cast<const float4*>(tiles.weights[threadIdx.x / kWarp][key]);
    const float4 low = from[0];
    const float4 high = from[1];
    const float weights[kTogether] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      const int column = c * kWarp + threadIdx.x % kWarp;
      const float value = column < HEAD_WIDTH ? tiles.keys[key][column] : 0.0f;
#pragma unroll
      for (int q = 0; q < kTogether; ++q) output[q][c] += weights[q] * value;
    }
  }
}

// 32 queries per block, 8 per warp, over all keys of the sequence.
__device__ __forceinline__ void attend_round(const Head& head, int first_query, bool again) {
  auto& tiles = shared<Tiles>();
  const int lane = threadIdx.x % kWarp;
  const int warp = threadIdx.x / kWarp;
  const int first_row = first_query + warp * kTogether;
  float largest[kTogether];
  float sum[kTogether];  // of the lane's keys
  float output[kTogether][kColumns] = {};
#pragma unroll
  for (int q = 0; q < kTogether; ++q) {
    largest[q] = -infinity();
    sum[q] = 0;
  }
  load_tile(head.query, head, first_query, &tiles.queries[0][0], HEAD_WIDTH, kWarps * kTogether, false);
  for (int first_key = 0; first_key < head.length; first_key += kKeys) {
    load_tile(head.key, head, first_key, &tiles.keys[0][0], kKeyStep, kKeys, again);
    __syncthreads();
    float logits[kTogether];
    multiply_keys(tiles, logits);
    const int key = first_key + lane;
#pragma unroll
    for (int q = 0; q < kTogether; ++q) {
      const float distance = fabsf(static_cast<float>(first_row + q - key));
      const float logit = key < head.length ? logits[q] - head.slope * distance : -infinity();
      float larger = fmaxf(largest[q], logit);
#pragma unroll
      for (int far = kWarp / 2; far > 0; far /= 2) larger = fmaxf(larger, __shfl_xor_sync(~0u, larger, far));
      const float scale = exponential(largest[q], larger);
      const float weight = exponential(logit, larger);
      largest[q] = larger;
      sum[q] = sum[q] * scale + weight;
#pragma unroll
      for (int c = 0; c < kColumns; ++c) output[q][c] *= scale;
      tiles.weights[warp][lane][q] = weight;
    }
    __syncthreads();
    load_tile(head.value, head, first_key, &tiles.keys[0][0], kKeyStep, kKeys, again);
    __syncthreads();
    multiply_values(tiles, output);
    __syncthreads();
  }
#pragma unroll
  for (int q = 0; q < kTogether; ++q) {
#pragma unroll
    for (int far = kWarp / 2; far > 0; far /= 2) sum[q] += __shfl_xor_sync(~0u, sum[q], far);
  }
#pragma unroll
  for (int q = 0; q < kTogether; ++q) {
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      const int column = c * kWarp + lane;
      if (column < HEAD_WIDTH) tiles.queries[warp * kTogether + q][column] = output[q][c] / sum[q];
    }
  }
  __syncthreads();
  constexpr int kChunks = HEAD_WIDTH / kChunk;
  for (int i = threadIdx.x; i < kWarps * kTogether * kChunks; i += kThreads) {
    const int row = first_query + i / kChunks;
    if (row >= head.length) break;
    const int column = i % kChunks * kChunk;
    const float4* const from = reinterpret_cast<const float4*>(&tiles.queries[i / kChunks][column]);
    const float4 low = from[0];
    const float4 high = from[1];
    store_chunk(head.output + row * head.output_step + column,
                {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w});
  }
  __syncthreads();
}

__device__ __forceinline__ void attend(const Head& head) {
  const int first = blockIdx.y * kQueries;
  for (int query = first; query < first + kQueries && query < head.length; query += kWarps * kTogether) {
    attend_round(head, query, query != 0);
  }
}
