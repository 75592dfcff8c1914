#pragma once

#include "cpu_kernels/cpu_kernels.h"
#include "cpu_kernels/vectors.h"

namespace virnucpro {
namespace {

// Queries, and vectors of keys, that are processed at a time: as many sums as fit in registers.
constexpr int64_t kQueries = 6;
constexpr int64_t kColumns = kLanes == 16 ? 4 : 2;
// Keys stored side by side.
constexpr int64_t kPanel = kColumns * kLanes;

// A number of vectors that is known at compile time.
template <int64_t count>
struct Vectors {
  static constexpr int64_t kCount = count;
};

// Offsets and sizes in the scratch memory, in units of 32 bits.
template <typename Type>
struct AttentionScratch {
  int64_t keys;         // length, rounded up to whole vectors
  int64_t units;        // of one query or key
  int64_t value_width;  // head width, rounded up to whole vectors
  int64_t key_units;    // keys / numbers in a unit

  AttentionScratch(int64_t length, int64_t head_width)
      : keys(round_up(length, kLanes)),
        units((head_width + Type::kNumbers - 1) / Type::kNumbers),
        value_width(round_up(head_width, kLanes)),
        key_units(keys / Type::kNumbers) {}

  // One row of float32, to rotate in and to round from.
  int64_t row() const { return 0; }
  // [kQueries, query_units()]: whole vectors are written, the first `units` of a row are read.
  int64_t query() const { return row() + value_width; }
  int64_t query_units() const { return value_width / Type::kNumbers; }
  // Panels of kPanel keys, the last one narrower: [units, keys of the panel].
  int64_t key() const { return query() + round_up(kQueries * query_units(), kLanes); }
  // [key_units, value_width]: a unit holds the same column of neighbouring keys.
  int64_t value() const { return key() + keys * units; }
  // float32 [kQueries, keys].
  int64_t logits() const { return value() + key_units * value_width; }
  // [kQueries, key_units].
  int64_t weights() const { return logits() + kQueries * keys; }
  int64_t total() const { return weights() + round_up(kQueries * key_units, kLanes); }
};

template <typename Type>
size_t attention_scratch_bytes(int64_t length, int64_t head_width) {
  return static_cast<size_t>(AttentionScratch<Type>(length, head_width).total()) * sizeof(uint32_t);
}

// Query or key of one token in float32, rotated if there are angles: the pairs (i, i + half) (Su et al. 2021).
template <typename Type>
inline void rotated(const AttentionHead& head, const typename Type::Number* from, int64_t token, float* row) {
  const int64_t width = head.head_width;
  int64_t i = 0;
  if (head.cosine == nullptr) {
    for (; i + kLanes <= width; i += kLanes) store(row + i, Type::numbers(from + i));
    for (; i < width; ++i) row[i] = Type::number(from[i]);
    return;
  }
  const int64_t half = width / 2;
  const float* cosine = head.cosine + token * half;
  const float* sine = head.sine + token * half;
  for (; i + kLanes <= half; i += kLanes) {
    const Floats first = Type::numbers(from + i);
    const Floats second = Type::numbers(from + half + i);
    const Floats c = load<Floats>(cosine + i);
    const Floats s = load<Floats>(sine + i);
    store(row + i, first * c - second * s);
    store(row + half + i, second * c + first * s);
  }
  for (; i < half; ++i) {
    const float first = Type::number(from[i]);
    const float second = Type::number(from[half + i]);
    row[i] = first * cosine[i] - second * sine[i];
    row[half + i] = second * cosine[i] + first * sine[i];
  }
}

// Rounds a row: [round_up(width, kLanes)] numbers.
template <typename Type>
inline void round_row(const float* row, int64_t width, typename Type::Number* numbers) {
  for (int64_t i = 0; i < width; i += kLanes) Type::put(numbers + i, load<Floats>(row + i));
}

template <typename Type>
void pack_keys(const AttentionHead& head, const AttentionScratch<Type>& at, uint32_t* scratch) {
  const auto* key = static_cast<const typename Type::Number*>(head.key);
  auto* row = reinterpret_cast<float*>(scratch + at.row());
  alignas(64) typename Type::Number numbers[CpuKernels::kMaxHeadWidth] = {};
  for (int64_t token = 0; token < at.keys; ++token) {
    const int64_t first = token / kPanel * kPanel;
    const int64_t panel = at.keys - first < kPanel ? at.keys - first : kPanel;
    auto* to = scratch + at.key() + first * at.units + token % kPanel;
    if (token < head.length) {
      rotated<Type>(head, key + token * head.row_stride, token, row);
      round_row<Type>(row, head.head_width, numbers);
      for (int64_t unit = 0; unit < at.units; ++unit) {
        __builtin_memcpy(to + unit * panel, numbers + unit * Type::kNumbers, sizeof(uint32_t));
      }
    } else {
      for (int64_t unit = 0; unit < at.units; ++unit) to[unit * panel] = 0;
    }
  }
}

// Values after the last token are 0, and so are the columns beyond the head's width.
template <typename Type>
void pack_values(const AttentionHead& head, const AttentionScratch<Type>& at, uint32_t* scratch) {
  using Number = typename Type::Number;
  const auto* value = static_cast<const Number*>(head.value);
  alignas(64) const Number nothing[CpuKernels::kMaxHeadWidth] = {};
  alignas(64) Number tails[2][kLanes] = {};
  const int64_t whole = head.head_width / kLanes * kLanes;
  for (int64_t unit = 0; unit < at.key_units; ++unit) {
    const Number* rows[2];
    for (int64_t i = 0; i < 2; ++i) {
      const int64_t token = unit * Type::kNumbers + i;
      rows[i] = token < head.length ? value + token * head.row_stride : nothing;
    }
    auto* to = scratch + at.value() + unit * at.value_width;
    for (int64_t column = 0; column < whole; column += kLanes) {
      store(to + column, Type::paired(rows[0] + column, rows[1] + column));
    }
    if (whole == at.value_width) continue;
    for (int64_t i = 0; i < 2; ++i) {
      for (int64_t column = whole; column < head.head_width; ++column) tails[i][column - whole] = rows[i][column];
    }
    store(to + whole, Type::paired(tails[0], tails[1]));
  }
}

// Queries times the keys of a panel of `kVectors` vectors: float32 [kQueries, kVectors * kLanes].
template <typename Type, int64_t kVectors>
inline void multiply_keys(const uint32_t* query, int64_t query_stride, const uint32_t* key, int64_t units,
                          float* logits, int64_t stride) {
  Floats sums[kQueries][kVectors] = {};
  for (int64_t unit = 0; unit < units; ++unit) {
    Units keys[kVectors];
    for (int64_t v = 0; v < kVectors; ++v) keys[v] = load<Units>(key + (unit * kVectors + v) * kLanes);
    for (int64_t q = 0; q < kQueries; ++q) {
      for (int64_t v = 0; v < kVectors; ++v) {
        sums[q][v] = Type::multiply_add(sums[q][v], query[q * query_stride + unit], keys[v]);
      }
    }
  }
  for (int64_t q = 0; q < kQueries; ++q) {
    for (int64_t v = 0; v < kVectors; ++v) store(logits + q * stride + v * kLanes, sums[q][v]);
  }
}

template <typename Type>
void logits_of(const AttentionScratch<Type>& at, uint32_t* scratch) {
  const auto* query = scratch + at.query();
  const auto multiply = [&](auto vectors, int64_t first) {
    multiply_keys<Type, decltype(vectors)::kCount>(query, at.query_units(), scratch + at.key() + first * at.units,
                                                   at.units, reinterpret_cast<float*>(scratch + at.logits()) + first,
                                                   at.keys);
  };
  int64_t first = 0;
  for (; first + kPanel <= at.keys; first += kPanel) multiply(Vectors<kColumns>(), first);
  const int64_t rest = (at.keys - first) / kLanes;
  if (rest == 3) multiply(Vectors<3>(), first);
  if (rest == 2) multiply(Vectors<2>(), first);
  if (rest == 1) multiply(Vectors<1>(), first);
}

// e^(logit - largest) of one query, rounded into `weights`; returns 1 / their sum.
template <typename Type>
float softmax_row(const AttentionHead& head, int64_t query, float* logits, int64_t keys, uint32_t* weights) {
  constexpr float kLog2E = 1.44269504F;
  for (int64_t i = head.length; i < keys; ++i) logits[i] = -__builtin_inff();
  Floats largest = broadcast(-__builtin_inff());
  if (head.slope != 0) {
    Floats distance;
    for (int64_t i = 0; i < kLanes; ++i) distance[i] = static_cast<float>(i - query);
    for (int64_t i = 0; i < keys; i += kLanes) {
      const Floats away = distance < 0 ? -distance : distance;
      const Floats logit = load<Floats>(logits + i) - away * head.slope;
      store(logits + i, logit);
      largest = logit > largest ? logit : largest;
      distance += static_cast<float>(kLanes);
    }
  } else {
    for (int64_t i = 0; i < keys; i += kLanes) {
      const Floats logit = load<Floats>(logits + i);
      largest = logit > largest ? logit : largest;
    }
  }
  const float most = largest_of(largest);
  auto* numbers = reinterpret_cast<typename Type::Number*>(weights);
  Floats sum = {};
  for (int64_t i = 0; i < keys; i += kLanes) {
    // Subtracts first, so that the exponent is never above 0, however large the logits are.
    const Floats weight = Type::power((load<Floats>(logits + i) - most) * kLog2E);
    sum += weight;
    Type::put(numbers + i, weight);
  }
  return 1.0F / sum_of(sum);
}

// Weights times `kVectors` vectors of value columns, divided by the sums of the weights, for `queries` queries.
template <typename Type, int64_t kVectors>
inline void multiply_values(const AttentionScratch<Type>& at, const uint32_t* scratch, const float* scales,
                            int64_t column, int64_t queries, const AttentionHead& head, int64_t first_query) {
  const auto* weights = scratch + at.weights();
  const auto* value = scratch + at.value() + column;
  Floats sums[kQueries][kVectors] = {};
  for (int64_t unit = 0; unit < at.key_units; ++unit) {
    Units values[kVectors];
    for (int64_t v = 0; v < kVectors; ++v) values[v] = load<Units>(value + unit * at.value_width + v * kLanes);
    for (int64_t q = 0; q < kQueries; ++q) {
      for (int64_t v = 0; v < kVectors; ++v) {
        sums[q][v] = Type::multiply_add(sums[q][v], weights[q * at.key_units + unit], values[v]);
      }
    }
  }
  auto* output = static_cast<typename Type::Number*>(head.output) + first_query * head.output_stride;
  for (int64_t q = 0; q < queries; ++q) {
    for (int64_t v = 0; v < kVectors; ++v) {
      const Floats mixed = sums[q][v] * scales[q];
      const int64_t from = column + v * kLanes;
      auto* to = output + q * head.output_stride + from;
      if (from + kLanes <= head.head_width) {
        Type::put(to, mixed);
      } else {
        for (int64_t i = 0; from + i < head.head_width; ++i) to[i] = Type::rounded(mixed[i]);
      }
    }
  }
}

template <typename Type>
void attend(const AttentionHead& head, void* memory) {
  auto* scratch = static_cast<uint32_t*>(memory);
  const AttentionScratch<Type> at(head.length, head.head_width);
  auto* row = reinterpret_cast<float*>(scratch + at.row());
  for (int64_t i = head.head_width; i < at.value_width; ++i) row[i] = 0;
  pack_keys<Type>(head, at, scratch);
  pack_values<Type>(head, at, scratch);
  const auto* query = static_cast<const typename Type::Number*>(head.query);
  for (int64_t first = 0; first < head.length; first += kQueries) {
    const int64_t queries = head.length - first < kQueries ? head.length - first : kQueries;
    for (int64_t q = 0; q < kQueries; ++q) {
      auto* to = scratch + at.query() + q * at.query_units();
      // Past the last query, the last one is computed again and discarded.
      const int64_t token = first + (q < queries ? q : queries - 1);
      rotated<Type>(head, query + token * head.row_stride, token, row);
      round_row<Type>(row, head.head_width, reinterpret_cast<typename Type::Number*>(to));
    }
    logits_of<Type>(at, scratch);
    float scales[kQueries];
    for (int64_t q = 0; q < kQueries; ++q) {
      auto* logits = reinterpret_cast<float*>(scratch + at.logits()) + q * at.keys;
      scales[q] = softmax_row<Type>(head, first + q, logits, at.keys, scratch + at.weights() + q * at.key_units);
    }
    int64_t column = 0;
    for (; column + kColumns * kLanes <= at.value_width; column += kColumns * kLanes) {
      multiply_values<Type, kColumns>(at, scratch, scales, column, queries, head, first);
    }
    for (; column + 2 * kLanes <= at.value_width; column += 2 * kLanes) {
      multiply_values<Type, 2>(at, scratch, scales, column, queries, head, first);
    }
    for (; column < at.value_width; column += kLanes) {
      multiply_values<Type, 1>(at, scratch, scales, column, queries, head, first);
    }
  }
}

}  // namespace
}  // namespace virnucpro
