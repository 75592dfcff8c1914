#include "model/pooling.h"

#include <ATen/ops/_embedding_bag_forward_only.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/segment_reduce.h>

#include <algorithm>
#include <numeric>
#include <variant>

#include "model/host_memory.h"

namespace virnucpro {

PooledTokens pooled_tokens(const Architecture& architecture) {
  if (std::holds_alternative<Esm2Architecture>(architecture)) return {1, 1, 1024};
  return {};
}

namespace {

struct PooledRows {
  int64_t first;
  int64_t length;
};

PooledRows pooled_rows(const PackedTokens& sequences, int64_t sequence, const PooledTokens& pooled) {
  const auto first = sequences.begin(sequence) + pooled.skipped_front;
  return {first, std::min(sequences.end(sequence) - pooled.skipped_back - first, pooled.max_tokens)};
}

// Undefined if this project has no kernel for it.
at::Tensor means_by_kernel(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled,
                           const Placement& placement) {
  if (!placement.kernels) return {};
  const auto ends = host_memory({2, sequences.sequences()}, at::kInt, placement.device);
  auto* const begin = ends.mutable_data_ptr<int32_t>();
  auto* const end = begin + sequences.sequences();
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto [first, length] = pooled_rows(sequences, i, pooled);
    begin[i] = static_cast<int32_t>(first);
    end[i] = static_cast<int32_t>(first + length);
  }
  const auto there = to_device(ends, placement.device);
  return placement.kernels->sequence_mean(hidden, there[0], there[1]);
}

// All sequences in one kernel: each of its threads adds up one column of one sequence, in the order of the rows.
at::Tensor means_at_once(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled) {
  const auto device = hidden.device();
  const auto ends = host_memory({sequences.sequences() + 1}, at::kLong, device);
  const auto rows = host_memory({static_cast<int64_t>(sequences.tokens.size())}, at::kLong, device);
  auto* const end = ends.mutable_data_ptr<int64_t>();
  auto* const row = rows.mutable_data_ptr<int64_t>();
  end[0] = 0;
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto [first, length] = pooled_rows(sequences, i, pooled);
    std::iota(row + end[i], row + end[i] + length, first);
    end[i + 1] = end[i] + length;
  }
  const auto chosen = to_device(rows.narrow(0, 0, end[sequences.sequences()]), device);
  constexpr int64_t kMean = 1;  // of at::embedding_bag
  return std::get<0>(at::_embedding_bag_forward_only(hidden, chosen, to_device(ends, device),
                                                     /*scale_grad_by_freq=*/false, kMean, /*sparse=*/false,
                                                     /*per_sample_weights=*/{}, /*include_last_offset=*/true));
}

// Reduces the pooled rows of each sequence on the CPU: `reduce` writes the row of one sequence.
template <typename Reduce>
at::Tensor one_by_one(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled,
                      const Reduce& reduce) {
  auto all = at::empty({sequences.sequences(), hidden.size(1)}, hidden.options());
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto [first, length] = pooled_rows(sequences, i, pooled);
    auto row = all.select(0, i);
    reduce(row, hidden.narrow(0, first, length));
  }
  return all;
}

// All sequences in one kernel, which keeps what is no number. Of the segments every second one is between the pooled
// rows of two sequences: its maximum is not used.
at::Tensor maxima_at_once(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled) {
  const auto ends = host_memory({2 * sequences.sequences()}, at::kLong, hidden.device());
  auto* const end = ends.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto [first, length] = pooled_rows(sequences, i, pooled);
    end[2 * i] = first;
    end[2 * i + 1] = first + length;
  }
  const auto offsets = to_device(ends, hidden.device());
  const auto maxima =
      at::segment_reduce(hidden, "max", /*lengths=*/{}, /*indices=*/{}, offsets, /*axis=*/0, /*unsafe=*/true);
  return maxima.slice(0, 0, maxima.size(0), 2);
}

at::Tensor max_embedding(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled) {
  if (!hidden.is_cpu()) return maxima_at_once(hidden, sequences, pooled);
  return one_by_one(hidden, sequences, pooled,
                    [](at::Tensor& row, const at::Tensor& states) { at::amax_out(row, states, 0); });
}

at::Tensor first_states(const at::Tensor& hidden, const PackedTokens& sequences) {
  const auto rows = host_memory({sequences.sequences()}, at::kLong, hidden.device());
  std::copy_n(sequences.offsets.begin(), sequences.sequences(), rows.mutable_data_ptr<int64_t>());
  return hidden.index_select(0, to_device(rows, hidden.device()));
}

}  // namespace

at::Tensor mean_embedding(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled,
                          const Placement& placement) {
  if (auto means = means_by_kernel(hidden, sequences, pooled, placement); means.defined()) return means;
  if (!hidden.is_cpu()) return means_at_once(hidden, sequences, pooled);
  return one_by_one(hidden, sequences, pooled,
                    [](at::Tensor& row, const at::Tensor& states) { at::mean_out(row, states, 0); });
}

at::Tensor pool_states(Pool pool, const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled,
                       const Placement& placement) {
  switch (pool) {
    case Pool::kMean:
      return mean_embedding(hidden, sequences, pooled, placement);
    case Pool::kCls:
      return first_states(hidden, sequences);
    case Pool::kMax:
      return max_embedding(hidden, sequences, pooled);
    default:
      return hidden;
  }
}

}  // namespace virnucpro
