#include "model/classifier.h"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/softmax.h>

#include "model/layers.h"

namespace virnucpro {

Classifier::Classifier(const ParameterMap& parameters, const ClassifierArchitecture& architecture, at::Device device)
    : placement_{device, at::kFloat}, epsilon_(architecture.batch_norm_epsilon) {
  const auto parameter = [&](const char* name) { return placement_.vector(parameters.at(name)); };
  hidden_ = Linear(parameters.at("hidden.weight"), parameters.at("hidden.bias"), placement_);
  norm_weight_ = parameter("norm.weight");
  norm_bias_ = parameter("norm.bias");
  running_mean_ = parameter("norm.running_mean");
  running_variance_ = parameter("norm.running_var");
  output_ = Linear(parameters.at("output.weight"), parameters.at("output.bias"), placement_);
}

at::Tensor Classifier::operator()(const at::Tensor& features) const {
  // The library behind libtorch's own product (MKL) sums in an order that depends on the number of threads, and takes
  // that number from whoever in the process set it last. The layers' product does neither.
  const auto rows = features.size(0);
  const auto hidden = hidden_(at::constant_pad_nd(features, {0, 0, 0, placement_.rows_for(rows) - rows}));
  const auto normal = at::batch_norm(hidden, norm_weight_, norm_bias_, running_mean_, running_variance_,
                                     /*training=*/false, /*momentum=*/0.0, epsilon_, /*cudnn_enabled=*/false);
  return at::softmax(output_(at::relu(normal)).narrow(0, 0, rows), 1);
}

int64_t Classifier::weight_bytes() const {
  return hidden_.bytes() + output_.bytes() + bytes_of(norm_weight_) + bytes_of(norm_bias_) + bytes_of(running_mean_) +
         bytes_of(running_variance_);
}

}  // namespace virnucpro
