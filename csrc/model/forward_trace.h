#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <chrono>
#include <utility>
#include <vector>

namespace virnucpro {

// What one forward tells about itself, for tests and measurements.
struct ForwardTrace {
  // The states after the embedding and after every layer, [tokens, width] float32; the last one after the final norm.
  bool keep_layers = false;
  std::vector<at::Tensor> layers;
  // Seconds in the matrix products of the linear layers, and in attention (rotary positions included). To measure them
  // on a device that works behind the thread's back the thread waits for it before and after every part, so that a
  // forward takes longer than without.
  bool measure_parts = false;
  double linear_seconds = 0;
  double attention_seconds = 0;
  // The way in which attention was computed, see PackedAttention.
  const char* attention_way = "";
};

inline void wait_for(at::Device device) {
  if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

// What `compute` gives back; its seconds are added to a part of the trace, when there is one that asks for it.
template <typename Compute>
auto timed(ForwardTrace* trace, double ForwardTrace::* part, at::Device device, Compute&& compute) {
  if (trace == nullptr || !trace->measure_parts) return compute();
  // For what was given to it before, which is none of this part.
  wait_for(device);
  const auto start = std::chrono::steady_clock::now();
  auto result = compute();
  wait_for(device);
  trace->*part += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace virnucpro
