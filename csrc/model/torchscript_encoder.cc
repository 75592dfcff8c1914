#include "model/torchscript_encoder.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/jit/api/module.h>

#include <utility>
#include <vector>

#include "archive/archive_reader.h"
#include "archive/torchscript_module.h"
#include "model/layers.h"
#include "model/token_tensors.h"

namespace virnucpro {

namespace {

class TorchScriptEncoder final : public Encoder {
 public:
  TorchScriptEncoder(torch::jit::Module module, const Placement& placement)
      : module_(std::move(module)), placement_(placement) {
    module_.to(placement.device, placement.dtype);
  }

  at::Tensor forward(const PackedTokens& sequences, ForwardTrace* trace, const AfterLayer& after_layer) const override;
  std::vector<const Linear*> linear_layers() const override { return {}; }
  int64_t weight_bytes() const override;

 private:
  torch::jit::Module module_;
  Placement placement_;
};

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

}  // namespace

std::unique_ptr<Encoder> make_torchscript_encoder(const std::string& path, const Architecture& architecture,
                                                  const Placement& placement, LoadingProgress& progress) {
  return std::make_unique<TorchScriptEncoder>(read_module(path, architecture, progress), placement);
}

std::unique_ptr<Encoder> make_torchscript_encoder(const ParameterMap& parameters, const Architecture& architecture,
                                                  const Placement& placement) {
  // A module casts its parameters in place.
  ParameterMap copies;
  for (const auto& [name, values] : parameters) copies.emplace(name, values.clone());
  auto module = make_module(architecture, copies);
  module.eval();
  return std::make_unique<TorchScriptEncoder>(std::move(module), placement);
}

}  // namespace virnucpro
