#include "model/classifier.h"

#include <ATen/ATen.h>

#include "model/archive.h"
#include "model/layers.h"

namespace virnucpro {

Classifier::Classifier(const std::string& path, const ClassifierArchitecture& architecture, at::Device device,
                       LoadingProgress& progress)
    : epsilon_(architecture.batch_norm_epsilon) {
  const auto parameters = read_parameters(read_module(path, progress), architecture, path);
  const Placement placement{device, at::kFloat};
  const auto parameter = [&](const char* name) { return placement.vector(parameters.at(name)); };
  hidden_weight_ = parameter("hidden.weight");
  hidden_bias_ = parameter("hidden.bias");
  norm_weight_ = parameter("norm.weight");
  norm_bias_ = parameter("norm.bias");
  running_mean_ = parameter("norm.running_mean");
  running_variance_ = parameter("norm.running_var");
  output_weight_ = parameter("output.weight");
  output_bias_ = parameter("output.bias");
}

at::Tensor Classifier::operator()(const at::Tensor& features) const {
  const auto hidden = at::linear(features, hidden_weight_, hidden_bias_);
  const auto normal = at::batch_norm(hidden, norm_weight_, norm_bias_, running_mean_, running_variance_,
                                     /*training=*/false, /*momentum=*/0.0, epsilon_, /*cudnn_enabled=*/false);
  return at::softmax(at::linear(at::relu(normal), output_weight_, output_bias_), 1);
}

int64_t Classifier::weight_bytes() const {
  return bytes_of(hidden_weight_) + bytes_of(hidden_bias_) + bytes_of(norm_weight_) + bytes_of(norm_bias_) +
         bytes_of(running_mean_) + bytes_of(running_variance_) + bytes_of(output_weight_) + bytes_of(output_bias_);
}

}  // namespace virnucpro
