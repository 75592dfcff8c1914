#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "stream/device_stream.h"

namespace virnucpro {

// What is wanted of one forward pass besides the scores' own way through it, and what the pass records about itself.
struct ForwardTrace {
  // The pass ends after this layer; with at least as many as the model has, after all of them and the final norm.
  int64_t last_layer = INT64_MAX;
  // By layer, for those before the last one: whether its state goes to `receive`. 0 is the embedded tokens, N the state
  // after layer N.
  std::vector<bool> wanted;
  // Gets [tokens, width] float32, in the order of the layers, and must use it at once: later layers change it in place.
  std::function<void(int64_t layer, const at::Tensor& state)> receive;
  // Whether to measure the seconds spent in the matrix products of the linear layers, and in attention (rotary
  // positions included). On an asynchronous device the thread then waits after every part, which slows the forward pass
  // down.
  bool measure_parts = false;
  double linear_seconds = 0;
  double attention_seconds = 0;
  // How attention was computed, see PackedAttention.
  const char* attention_backend = "";

  bool wants(int64_t layer) const {
    return layer < static_cast<int64_t>(wanted.size()) && wanted[static_cast<size_t>(layer)];
  }
};

// How many of `layers` layers a pass with this trace, which may be null, runs.
inline int64_t layers_to_run(const ForwardTrace* trace, size_t layers) {
  const auto all = static_cast<int64_t>(layers);
  return trace == nullptr || trace->last_layer > all ? all : trace->last_layer;
}

// Returns the result of `compute`; adds its seconds to `part` of the trace if there is a trace that measures parts.
template <typename Compute>
auto timed(ForwardTrace* trace, double ForwardTrace::* part, Compute&& compute) {
  if (trace == nullptr || !trace->measure_parts) return compute();
  auto& stream = DeviceStream::current();
  const auto start = stream.record_event();
  auto result = compute();
  const auto end = stream.record_event();
  stream.wait(end);
  trace->*part += end.seconds_since(start);
  return result;
}

}  // namespace virnucpro
