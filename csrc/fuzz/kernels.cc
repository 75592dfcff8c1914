// Attention and norm over sequences of any length and width, in memory of the exact size: nothing outside it is read or
// written, and the results are those of the same sums in double precision.

#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "cpu_kernels/cpu_kernels.h"

namespace virnucpro {
extern const CpuKernels kAvx2Float32;

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

// Numbers from -2 to 2, made from a few bytes.
std::vector<float> numbers(FuzzedDataProvider& data, int64_t count) {
  std::vector<float> made(static_cast<size_t>(count));
  auto state = data.ConsumeIntegral<uint32_t>();
  for (float& number : made) {
    state = state * 1664525 + 1013904223;
    number = static_cast<float>(state >> 8) / static_cast<float>(1 << 22) - 2;
  }
  return made;
}

struct AlignedDelete {
  void operator()(void* memory) const { std::free(memory); }
};

void check_attention(FuzzedDataProvider& data) {
  const auto length = data.ConsumeIntegralInRange<int64_t>(1, 80);
  const bool rotates = data.ConsumeBool();
  const auto width =
      rotates ? 2 * data.ConsumeIntegralInRange<int64_t>(1, 64) : data.ConsumeIntegralInRange<int64_t>(1, 128);
  const auto stride = width + data.ConsumeIntegralInRange<int64_t>(0, 5);
  const auto slope = data.ConsumeBool() ? 0.25F : 0.0F;
  // The last row ends where the memory ends.
  const auto elements = (length - 1) * stride + width;
  const auto query = numbers(data, elements), key = numbers(data, elements), value = numbers(data, elements);
  std::vector<float> cosine, sine;
  for (int64_t i = 0; rotates && i < length * (width / 2); ++i) {
    cosine.push_back(std::cos(0.1F * static_cast<float>(i)));
    sine.push_back(std::sin(0.1F * static_cast<float>(i)));
  }
  std::vector<float> output(static_cast<size_t>(elements));
  const AttentionHead head = {query.data(),
                              key.data(),
                              value.data(),
                              stride,
                              output.data(),
                              stride,
                              length,
                              width,
                              rotates ? cosine.data() : nullptr,
                              rotates ? sine.data() : nullptr,
                              slope};
  const size_t bytes = kAvx2Float32.scratch_bytes(length, width);
  const std::unique_ptr<void, AlignedDelete> scratch(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  kAvx2Float32.attend(head, scratch.get());

  const auto rotated = [&](const std::vector<float>& all, int64_t token, int64_t i) -> double {
    const auto at = [&](int64_t column) { return double{all[static_cast<size_t>(token * stride + column)]}; };
    if (!rotates) return at(i);
    const int64_t half = width / 2;
    const auto angle = static_cast<size_t>(token * half + i % half);
    return i < half ? at(i) * cosine[angle] - at(i + half) * sine[angle]
                    : at(i) * cosine[angle] + at(i - half) * sine[angle];
  };
  const auto token = data.ConsumeIntegralInRange<int64_t>(0, length - 1);
  std::vector<double> logits;
  for (int64_t k = 0; k < length; ++k) {
    double logit = -double{slope} * static_cast<double>(std::abs(k - token));
    for (int64_t i = 0; i < width; ++i) logit += rotated(query, token, i) * rotated(key, k, i);
    logits.push_back(logit);
  }
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (double& logit : logits) sum += logit = std::exp(logit - most);
  for (int64_t i = 0; i < width; ++i) {
    double mixed = 0;
    for (int64_t k = 0; k < length; ++k) {
      mixed += logits[static_cast<size_t>(k)] / sum * value[static_cast<size_t>(k * stride + i)];
    }
    expect(std::abs(output[static_cast<size_t>(token * stride + i)] - mixed) < 1e-3);
  }
}

void check_norm(FuzzedDataProvider& data) {
  const auto rows = data.ConsumeIntegralInRange<int64_t>(0, 4);
  const auto width = CpuKernels::kWidthStep * data.ConsumeIntegralInRange<int64_t>(1, 8);
  auto hidden = numbers(data, rows * width);
  const auto before = hidden;
  const auto update = numbers(data, rows * width), weight = numbers(data, width), bias = numbers(data, width);
  const bool updates = data.ConsumeBool(), keeps_normal = data.ConsumeBool();
  std::vector<float> normal(static_cast<size_t>(rows * width));
  kAvx2Float32.normalize({hidden.data(), updates ? update.data() : nullptr, weight.data(), bias.data(), 1e-5F,
                          normal.data(), rows, width, keeps_normal});
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<double> x;
    for (int64_t i = 0; i < width; ++i) {
      const auto at = static_cast<size_t>(row * width + i);
      x.push_back(double{before[at]} + (updates ? update[at] : 0.0F));
    }
    double mean = 0, variance = 0;
    for (const double one : x) mean += one / static_cast<double>(width);
    for (const double one : x) variance += (one - mean) * (one - mean) / static_cast<double>(width);
    for (int64_t i = 0; i < width; ++i) {
      const auto at = static_cast<size_t>(row * width + i), column = static_cast<size_t>(i);
      const double y = (x[column] - mean) / std::sqrt(variance + 1e-5) * weight[column] + bias[column];
      expect(std::abs(normal[at] - y) < 1e-3);
      expect(std::abs(hidden[at] - (keeps_normal ? y : x[column])) < 1e-3);
    }
  }
}

}  // namespace
}  // namespace virnucpro

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  if (data.ConsumeBool()) {
    virnucpro::check_attention(data);
  } else {
    virnucpro::check_norm(data);
  }
  return 0;
}
