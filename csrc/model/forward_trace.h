#pragma once

#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

#include "stream/device_stream.h"

namespace virnucpro {

// What one forward pass records about itself, for tests and measurements.
struct ForwardTrace {
  // The states after the embedding and after every layer, [tokens, width] float32; the last one after the final norm.
  bool keep_layers = false;
  std::vector<at::Tensor> layers;
  // Whether to measure the seconds spent in the matrix products of the linear layers, and in attention (rotary
  // positions included). On an asynchronous device the thread then waits after every part, which slows the forward pass
  // down.
  bool measure_parts = false;
  double linear_seconds = 0;
  double attention_seconds = 0;
  // How attention was computed, see PackedAttention.
  const char* attention_backend = "";
};

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
