#pragma once

#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

#include "stream/device_stream.h"

namespace virnucpro {

// What one forward records about itself, for tests and measurements.
struct ForwardTrace {
  // The states after the embedding and after every layer, [tokens, width] float32; the last one after the final norm.
  bool keep_layers = false;
  std::vector<at::Tensor> layers;
  // Seconds in the matrix products of the linear layers, and in attention (rotary positions included). To measure them
  // on a device that works behind the thread's back the thread waits for it after every part, which slows the forward
  // down.
  bool measure_parts = false;
  double linear_seconds = 0;
  double attention_seconds = 0;
  // How attention was computed, see PackedAttention.
  const char* attention_backend = "";
};

// What `compute` gives back; its seconds are added to a part of the trace, when there is one that asks for it.
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
