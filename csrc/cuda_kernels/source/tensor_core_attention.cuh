// Attention in 16 bits with mma.m16n8k16 and float32 sums: a warp has 16 queries, a block walks its sequence's keys 64
// at a time, and the softmax is rescaled as larger logits appear (Milakov & Gimelshein 2018; Dao 2023).
//
// mma distributes a matrix over a warp so that a lane (its place t of 4 in a row) has columns 2t, 2t + 1, 2t + 8 and 2t
// + 9 of every 16. The sum of a logit does not depend on how the columns of a head are numbered. So here a lane takes
// adjacent columns, a quarter of the head: it loads them 16 bytes at a time, and no matrix is transposed.
constexpr int kKeys = 64;
constexpr int kRowsOfWarp = 16;
constexpr int kWords = HEAD_WIDTH / 2;  // of a head's row, two elements each
constexpr int kLaneWords = kWords / 4;
constexpr int kSteps = HEAD_WIDTH / 16;   // of a logit's sum
constexpr int kColumns = HEAD_WIDTH / 8;  // groups of 8 output columns, one mma each
constexpr int kKeyWords = kWords + 4;     // so that a warp's accesses hit different banks of shared memory
constexpr int kPairWords = HEAD_WIDTH + 2;

struct alignas(16) Tiles {
  unsigned keys[kKeys][kKeyWords];
  // The values of two keys in one column, packed into a word as mma takes them.
  unsigned values[kKeys / 2][kPairWords];
};

// A lane's quarter of a row.
struct Quarter {
  unsigned words[kLaneWords];
};

__device__ __forceinline__ void multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], half) {
  multiply_add_half(d, a, b);
}

__device__ __forceinline__ void multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], bfloat16) {
  multiply_add_bfloat16(d, a, b);
}

__device__ __forceinline__ Quarter load_query(const Head& head, int row, int place) {
  Quarter quarter = {};
  if (row >= head.length) return quarter;
  const unsigned* const from = reinterpret_cast<const unsigned*>(head.query + row * head.row_step) + place * kLaneWords;
  if constexpr (kLaneWords % 4 == 0) {
#pragma unroll
    for (int i = 0; i < kLaneWords; i += 4) {
      const uint4 words = load(reinterpret_cast<const uint4*>(from + i));
      quarter.words[i] = words.x;
      quarter.words[i + 1] = words.y;
      quarter.words[i + 2] = words.z;
      quarter.words[i + 3] = words.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < kLaneWords; i += 2) {
      const uint2 words = load(reinterpret_cast<const uint2*>(from + i));
      quarter.words[i] = words.x;
      quarter.words[i + 1] = words.y;
    }
  }
  return quarter;
}

// Rows past the sequence's end become zeros: those of the next sequence may hold NaN.
__device__ __forceinline__ uint4 load_words(const Element* rows, const Head& head, int row, int chunk) {
  if (row >= head.length) return uint4{0, 0, 0, 0};
  return load(reinterpret_cast<const uint4*>(rows + row * head.row_step) + chunk, blockIdx.y != 0);
}

__device__ __forceinline__ void load_keys(Tiles& tiles, const Head& head, int first_key) {
  constexpr int kChunks = HEAD_WIDTH / kChunk;
#pragma unroll
  for (int i = threadIdx.x; i < kKeys * kChunks; i += kThreads) {
    const int key = i / kChunks;
    const int chunk = i % kChunks;
    *reinterpret_cast<uint4*>(&tiles.keys[key][chunk * 4]) = load_words(head.key, head, first_key + key, chunk);
  }
}

__device__ __forceinline__ uint2 interleaved(unsigned even, unsigned odd) {
  return uint2{(even & 0xffffu) | odd << 16, even >> 16 | (odd & 0xffff0000u)};
}

__device__ __forceinline__ void load_values(Tiles& tiles, const Head& head, int first_key) {
  constexpr int kChunks = HEAD_WIDTH / kChunk;
#pragma unroll
  for (int i = threadIdx.x; i < kKeys / 2 * kChunks; i += kThreads) {
    const int pair = i / kChunks;
    const int chunk = i % kChunks;
    const uint4 even = load_words(head.value, head, first_key + 2 * pair, chunk);
    const uint4 odd = load_words(head.value, head, first_key + 2 * pair + 1, chunk);
    uint2* const to = reinterpret_cast<uint2*>(&tiles.values[pair][chunk * kChunk]);
    to[0] = interleaved(even.x, odd.x);
    to[1] = interleaved(even.y, odd.y);
    to[2] = interleaved(even.z, odd.z);
    to[3] = interleaved(even.w, odd.w);
  }
}

// What a lane keeps for two queries, 8 rows apart.
struct Rows {
  int row[2];
  float largest[2];
  float sum[2];
  float output[kColumns][4];  // [group of 8 columns][query * 2 + column of the pair]
};

// logits[group of 8 keys][query * 2 + key of the pair]
__device__ __forceinline__ void multiply_keys(const Tiles& tiles, const Quarter (&query)[2],
                                              float (&logits)[kKeys / 8][4]) {
  const int group = threadIdx.x % kWarp / 4;
  const int place = threadIdx.x % 4;
#pragma unroll
  for (int n = 0; n < kKeys / 8; ++n) {
    const unsigned* const from = &tiles.keys[n * 8 + group][place * kLaneWords];
    Quarter key;
#pragma unroll
    for (int i = 0; i < kLaneWords; i += 2) {
      const uint2 words = *reinterpret_cast<const uint2*>(from + i);
      key.words[i] = words.x;
      key.words[i + 1] = words.y;
    }
    logits[n][0] = logits[n][1] = logits[n][2] = logits[n][3] = 0;
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const unsigned a[4] = {query[0].words[2 * s], query[1].words[2 * s], query[0].words[2 * s + 1],
                             query[1].words[2 * s + 1]};
      const unsigned b[2] = {key.words[2 * s], key.words[2 * s + 1]};
      multiply_add(logits[n], a, b, Element());
    }
  }
}

// Turns the logits into weights, and rescales what was summed with a smaller largest logit.
__device__ __forceinline__ void soften(const Head& head, int first_key, Rows& rows, float (&logits)[kKeys / 8][4]) {
#pragma unroll
  for (int q = 0; q < 2; ++q) {
    float largest = rows.largest[q];
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
      for (int k = 0; k < 2; ++k) {
        const int key = first_key + n * 8 + threadIdx.x % 4 * 2 + k;
        float& logit = logits[n][2 * q + k];
        logit = key < head.length ? logit - head.slope * fabsf(static_cast<float>(rows.row[q] - key)) : -infinity();
        largest = fmaxf(largest, logit);
      }
    }
    largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, 1));
    largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, 2));
    const float scale = exponential(rows.largest[q], largest);
    rows.largest[q] = largest;
    float sum = 0;
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
      for (int k = 0; k < 2; ++k) {
        float& logit = logits[n][2 * q + k];
        logit = exponential(logit, largest);
        sum += logit;
      }
    }
    rows.sum[q] = rows.sum[q] * scale + sum;
#pragma unroll
    for (int n = 0; n < kColumns; ++n) {
      rows.output[n][2 * q] *= scale;
      rows.output[n][2 * q + 1] *= scale;
    }
  }
}

__device__ __forceinline__ void multiply_values(const Tiles& tiles, const float (&weights)[kKeys / 8][4], Rows& rows) {
  const int group = threadIdx.x % kWarp / 4;
  const int place = threadIdx.x % 4;
#pragma unroll
  for (int s = 0; s < kKeys / 16; ++s) {
    const float (&low)[4] = weights[2 * s];
    const float (&high)[4] = weights[2 * s + 1];
    const unsigned a[4] = {Pair<Element>::of(low[0], low[1]), Pair<Element>::of(low[2], low[3]),
                           Pair<Element>::of(high[0], high[1]), Pair<Element>::of(high[2], high[3])};
    const unsigned* const first = &tiles.values[s * 8 + place][group * kColumns];
    const unsigned* const second = &tiles.values[s * 8 + place + 4][group * kColumns];
#pragma unroll
    for (int n = 0; n < kColumns; n += 2) {
      const uint2 first_words = *reinterpret_cast<const uint2*>(first + n);
      const uint2 second_words = *reinterpret_cast<const uint2*>(second + n);
      multiply_add(rows.output[n], a, {first_words.x, second_words.x}, Element());
      multiply_add(rows.output[n + 1], a, {first_words.y, second_words.y}, Element());
    }
  }
}

// A lane's columns are adjacent here too: its even columns of all mma fill the first half of its quarter.
__device__ __forceinline__ void store_rows(const Head& head, const Rows& rows) {
#pragma unroll
  for (int q = 0; q < 2; ++q) {
    float sum = rows.sum[q];
    sum += __shfl_xor_sync(~0u, sum, 1);
    sum += __shfl_xor_sync(~0u, sum, 2);
    if (rows.row[q] >= head.length) continue;
    const float scale = 1.0f / sum;
    unsigned words[kLaneWords];
#pragma unroll
    for (int i = 0; i < kLaneWords; ++i) {
      const int column = 2 * i % kColumns;
      const int odd = 2 * i / kColumns;
      words[i] =
          Pair<Element>::of(rows.output[column][2 * q + odd] * scale, rows.output[column + 1][2 * q + odd] * scale);
    }
    unsigned* const to =
        reinterpret_cast<unsigned*>(head.output + rows.row[q] * head.output_step) + threadIdx.x % 4 * kLaneWords;
    if constexpr (kLaneWords % 4 == 0) {
#pragma unroll
      for (int i = 0; i < kLaneWords; i += 4) {
        store(reinterpret_cast<uint4*>(to + i), uint4{words[i], words[i + 1], words[i + 2], words[i + 3]});
      }
    } else {
#pragma unroll
      for (int i = 0; i < kLaneWords; i += 2) {
        store(reinterpret_cast<uint2*>(to + i), uint2{words[i], words[i + 1]});
      }
    }
  }
}

__device__ __forceinline__ void attend(const Head& head) {
  auto& tiles = shared<Tiles>();
  const int first_row = blockIdx.y * kQueries + threadIdx.x / kWarp * kRowsOfWarp + threadIdx.x % kWarp / 4;
  Rows rows = {{first_row, first_row + 8}, {-infinity(), -infinity()}, {0, 0}, {}};
  const Quarter query[2] = {load_query(head, rows.row[0], threadIdx.x % 4),
                            load_query(head, rows.row[1], threadIdx.x % 4)};
  for (int first_key = 0; first_key < head.length; first_key += kKeys) {
    if (first_key != 0) __syncthreads();
    load_keys(tiles, head, first_key);
    load_values(tiles, head, first_key);
    __syncthreads();
    float logits[kKeys / 8][4];
    multiply_keys(tiles, query, logits);
    soften(head, first_key, rows, logits);
    multiply_values(tiles, logits, rows);
  }
  store_rows(head, rows);
}
