#pragma once

#include <torch/csrc/jit/api/module.h>

#include <vector>

#include "model/encoder.h"

namespace virnucpro {

// The archive's own forward over a padded batch: the reference that the packed encoders are checked against.
class TorchScriptEncoder final : public Encoder {
 public:
  TorchScriptEncoder(torch::jit::Module module, const Placement& placement);

  // The trace receives nothing: the archive's forward returns the last hidden state only.
  at::Tensor forward(const PackedTokens& sequences, ForwardTrace* trace, const AfterLayer& after_layer) const override;
  std::vector<const Linear*> linear_layers() const override { return {}; }
  int64_t weight_bytes() const override;

 private:
  torch::jit::Module module_;
  Placement placement_;
};

}  // namespace virnucpro
