#include "model/torchscript_encoder.h"

#include <ATen/ATen.h>

#include <utility>

#include "model/layers.h"
#include "model/token_tensors.h"

namespace virnucpro {

TorchScriptEncoder::TorchScriptEncoder(torch::jit::Module module, const Placement& placement)
    : module_(std::move(module)), placement_(placement) {
  module_.to(placement.device, placement.dtype);
}

at::Tensor TorchScriptEncoder::forward(const PackedTokens& sequences, ForwardTrace*, const AfterLayer&) const {
  auto tokens = at::zeros({sequences.sequences(), sequences.longest()}, at::kLong);
  auto lengths = at::empty({sequences.sequences()}, at::kLong);
  const auto ids = token_ids(sequences, at::kCPU, static_cast<int64_t>(sequences.tokens.size()));
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto length = sequences.end(i) - sequences.begin(i);
    tokens.select(0, i).narrow(0, 0, length).copy_(ids.narrow(0, sequences.begin(i), length));
    lengths.data_ptr<int64_t>()[i] = length;
  }
  const auto forward = module_.get_method("forward");
  const auto padded = forward({tokens.to(placement_.device), lengths.to(placement_.device)}).toTensor().to(at::kFloat);
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    rows.push_back(padded.select(0, i).narrow(0, 0, sequences.end(i) - sequences.begin(i)));
  }
  return at::cat(rows);
}

int64_t TorchScriptEncoder::weight_bytes() const {
  int64_t bytes = 0;
  for (const auto& parameter : module_.parameters()) bytes += bytes_of(parameter);
  for (const auto& buffer : module_.buffers()) bytes += bytes_of(buffer);
  return bytes;
}

}  // namespace virnucpro
