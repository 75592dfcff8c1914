#include "model/encoder.h"

#include <ATen/ops/randn.h>

#include <map>
#include <utility>

#include "error.h"
#include "model/dnabert2.h"
#include "model/esm2.h"
#include "stream/device_stream.h"

namespace virnucpro {

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

}  // namespace virnucpro
