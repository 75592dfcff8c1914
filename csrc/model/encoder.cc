#include "model/encoder.h"

#include <ATen/ops/_embedding_bag_forward_only.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "error.h"
#include "model/dnabert2.h"
#include "model/esm2.h"
#include "model/host_memory.h"
#include "stream/device_stream.h"

namespace virnucpro {

PooledTokens pooled_tokens(const Architecture& architecture) {
  if (std::holds_alternative<Esm2Architecture>(architecture)) return {1, 1, 1024};
  return {};
}

std::unique_ptr<Encoder> make_packed_encoder(ParameterMap parameters, const Architecture& architecture,
                                             const Placement& placement, LoadingProgress& progress) {
  // From here on only this map holds the archive's memory, unless others share it, and the encoder empties it parameter
  // by parameter: a model takes little more memory than its archive while it is cast.
  LoadedParameters source(std::move(parameters), progress);
  if (const auto* esm2 = std::get_if<Esm2Architecture>(&architecture)) {
    return std::make_unique<Esm2>(*esm2, source, placement);
  }
  if (const auto* dnabert = std::get_if<DnabertArchitecture>(&architecture)) {
    return std::make_unique<Dnabert2>(*dnabert, source, placement);
  }
  throw Error(code::kModelInvalid, "A classifier has no encoder");
}

LinearMeasurement measure_linear(const Encoder& encoder, int64_t rows, const Placement& placement) {
  const auto layers = encoder.linear_layers();
  if (layers.empty()) {
    throw Error(code::kArgument, "Expected the packed engine to measure linear layers but received torchscript");
  }
  std::map<int64_t, at::Tensor> inputs;
  LinearMeasurement result;
  for (const auto* layer : layers) {
    auto& input = inputs[layer->inputs()];
    if (!input.defined()) {
      input = at::randn({rows, layer->inputs()}, at::TensorOptions(placement.device)).to(placement.dtype);
    }
    result.operations += 2.0 * static_cast<double>(rows * layer->inputs() * layer->outputs());
  }
  auto& stream = DeviceStream::current();
  const auto start = stream.record_event();
  for (const auto* layer : layers) {
    (*layer)(inputs[layer->inputs()]);
    stream.mark([] {});
  }
  const auto end = stream.record_event();
  stream.wait(end);
  result.seconds = end.seconds_since(start);
  return result;
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

}  // namespace

at::Tensor mean_embedding(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled,
                          const Placement& placement) {
  if (auto means = means_by_kernel(hidden, sequences, pooled, placement); means.defined()) return means;
  if (!hidden.is_cpu()) return means_at_once(hidden, sequences, pooled);
  auto means = at::empty({sequences.sequences(), hidden.size(1)}, hidden.options());
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto [first, length] = pooled_rows(sequences, i, pooled);
    auto mean = means.select(0, i);
    at::mean_out(mean, hidden.narrow(0, first, length), 0);
  }
  return means;
}

}  // namespace virnucpro
