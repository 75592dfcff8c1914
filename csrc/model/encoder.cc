#include "model/encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "error.h"
#include "model/dnabert2.h"
#include "model/esm2.h"
#include "model/host_memory.h"
#include "model/torchscript_encoder.h"

namespace virnucpro {

PooledTokens pooled_tokens(const Architecture& architecture) {
  if (std::holds_alternative<Esm2Architecture>(architecture)) return {1, 1, 1024};
  return {};
}

std::unique_ptr<Encoder> make_packed_encoder(ParameterMap parameters, const Architecture& architecture,
                                             const Placement& placement, LoadingProgress& progress) {
  // From here the map alone holds the archive's memory, unless others share it, and the encoder empties it parameter by
  // parameter: a model takes little more than its archive while it is cast.
  LoadedParameters source(std::move(parameters), progress);
  if (const auto* esm2 = std::get_if<Esm2Architecture>(&architecture)) {
    return std::make_unique<Esm2>(*esm2, source, placement);
  }
  if (const auto* dnabert = std::get_if<DnabertArchitecture>(&architecture)) {
    return std::make_unique<Dnabert2>(*dnabert, source, placement);
  }
  throw Error(code::kModelInvalid, "Expected a language model for an encoder but received a classifier");
}

std::unique_ptr<Encoder> make_torchscript_encoder(const std::string& path, const Architecture& architecture,
                                                  const Placement& placement, LoadingProgress& progress) {
  auto module = read_module(path, progress);
  read_parameters(module, architecture, path);
  return std::make_unique<TorchScriptEncoder>(std::move(module), placement);
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
  wait_for(placement.device);
  const auto start = std::chrono::steady_clock::now();
  for (const auto* layer : layers) (*layer)(inputs[layer->inputs()]);
  wait_for(placement.device);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

namespace {

// Undefined where there is no kernel for it.
at::Tensor means_by_kernel(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled,
                           const Placement& placement) {
  if (!placement.kernels) return {};
  const auto ranges = host_memory({2, sequences.sequences()}, at::kInt, placement.device);
  auto* const first = ranges.mutable_data_ptr<int32_t>();
  auto* const last = first + sequences.sequences();
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto begin = sequences.begin(i) + pooled.skipped_front;
    const auto length = std::min(sequences.end(i) - pooled.skipped_back - begin, pooled.at_most);
    first[i] = static_cast<int32_t>(begin);
    last[i] = static_cast<int32_t>(begin + length);
  }
  const auto there = to_device(ranges, placement.device);
  return placement.kernels->sequence_mean(hidden, there[0], there[1]);
}

}  // namespace

at::Tensor mean_embedding(const at::Tensor& hidden, const PackedTokens& sequences, const PooledTokens& pooled,
                          const Placement& placement) {
  if (auto means = means_by_kernel(hidden, sequences, pooled, placement); means.defined()) return means;
  auto means = at::empty({sequences.sequences(), hidden.size(1)}, hidden.options());
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto first = sequences.begin(i) + pooled.skipped_front;
    const auto length = std::min(sequences.end(i) - pooled.skipped_back - first, pooled.at_most);
    auto mean = means.select(0, i);
    at::mean_out(mean, hidden.narrow(0, first, length), 0);
  }
  return means;
}

}  // namespace virnucpro
