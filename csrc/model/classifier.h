#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "model/architecture.h"
#include "model/loading_progress.h"
#include "model/placement.h"

namespace virnucpro {

// Linear, BatchNorm with its running statistics, ReLU, Linear, softmax; float32 on every device.
class Classifier {
 public:
  Classifier(const std::string& path, const ClassifierArchitecture& architecture, at::Device device,
             LoadingProgress& progress);

  // features [rows, inputs] float32 on the device -> [rows, 2] float32: others, virus.
  at::Tensor operator()(const at::Tensor& features) const;
  int64_t inputs() const { return hidden_weight_.size(1); }
  int64_t weight_bytes() const;

 private:
  at::Tensor hidden_weight_;
  at::Tensor hidden_bias_;
  at::Tensor norm_weight_;
  at::Tensor norm_bias_;
  at::Tensor running_mean_;
  at::Tensor running_variance_;
  at::Tensor output_weight_;
  at::Tensor output_bias_;
  double epsilon_;
};

}  // namespace virnucpro
