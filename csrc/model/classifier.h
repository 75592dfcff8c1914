#pragma once

#include <ATen/core/Tensor.h>

#include "archive/architecture.h"
#include "archive/parameters.h"
#include "model/layers.h"
#include "model/placement.h"

namespace virnucpro {

// Linear, BatchNorm with its running statistics, ReLU, Linear, softmax; float32 on every device.
class Classifier {
 public:
  Classifier(const ParameterMap& parameters, const ClassifierArchitecture& architecture, at::Device device);

  // features [rows, inputs] float32 on the device -> [rows, 2] float32: others, virus.
  at::Tensor operator()(const at::Tensor& features) const;
  int64_t inputs() const { return hidden_.inputs(); }
  int64_t weight_bytes() const;

 private:
  Placement placement_;
  Linear hidden_;
  at::Tensor norm_weight_;
  at::Tensor norm_bias_;
  at::Tensor running_mean_;
  at::Tensor running_variance_;
  Linear output_;
  double epsilon_;
};

}  // namespace virnucpro
