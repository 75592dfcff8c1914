#include "model/kernel_check.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "model/alibi.h"
#include "model/attention.h"
#include "model/host_memory.h"
#include "model/rotary.h"

namespace virnucpro {

namespace {

constexpr double kEpsilon = 1e-5;

// A short batch, and one with a sequence of one token, one that fills no tile of any kernel, and a longer one.
const std::vector<std::vector<int64_t>> kBatches{{5}, {33, 1, 70, 17}};

struct Sizes {
  int64_t heads;
  int64_t head_width;
  int64_t width;
  int64_t feed_forward;
  bool rotates;  // true for ESM-2; DNABERT has slopes and gates
};

std::optional<Sizes> sizes_of(const Architecture& architecture) {
  if (const auto* esm2 = std::get_if<Esm2Architecture>(&architecture)) {
    return Sizes{esm2->heads, esm2->width / esm2->heads, esm2->width, esm2->feed_forward, true};
  }
  if (const auto* dnabert = std::get_if<DnabertArchitecture>(&architecture)) {
    return Sizes{dnabert->heads, dnabert->width / dnabert->heads, dnabert->width, dnabert->feed_forward, false};
  }
  return std::nullopt;
}

// The relative error of one rounding to the type; for float32, of a different order of sums and other instructions for
// exp and erf.
double rounding_of(at::ScalarType dtype) {
  if (dtype == at::kBFloat16) return std::numeric_limits<c10::BFloat16>::epsilon();
  return dtype == at::kHalf ? static_cast<double>(std::numeric_limits<c10::Half>::epsilon()) : 1e-5;
}

// NaN is the worst.
double worse(double one, double other) { return std::isnan(other) || other > one ? other : one; }

// Compares one kernel after another in one shape.
class Comparison {
 public:
  Comparison(const DeviceKernels& kernels, const Sizes& sizes, const std::vector<int64_t>& lengths, at::Device device)
      : kernels_(kernels), sizes_(sizes), device_(device) {
    sequences_.offsets.push_back(0);
    for (const auto length : lengths) {
      sequences_.tokens.resize(sequences_.tokens.size() + static_cast<size_t>(length));
      sequences_.offsets.push_back(static_cast<int32_t>(sequences_.tokens.size()));
    }
    rows_ = static_cast<int64_t>(sequences_.tokens.size());
  }

  // Each returns by how many roundings the kernel is off; empty if the kernel does not support this shape.
  std::optional<double> rotary() const;
  std::optional<double> add_norm(bool keeps_normal) const;
  std::optional<double> bias_gelu() const;
  std::optional<double> gelu_times() const;
  std::optional<double> sequence_mean() const;
  std::optional<double> alibi_attention() const;

 private:
  // Pseudo-random numbers between -2 and 2; each seed gives others.
  at::Tensor noise(at::IntArrayRef shape, int seed) const {
    const auto options = at::TensorOptions(device_).dtype(at::kDouble);
    const auto steps = at::arange(c10::multiply_integers(shape), options).add_(1 + 0.1 * seed);
    return steps.square().mul_(0.7391).sin_().mul_(2).to(at::kFloat).view(shape);
  }
  at::Tensor own(const at::Tensor& values) const { return values.to(kernels_.dtype()); }
  at::Tensor numbers(const std::vector<int32_t>& values) const {
    const auto host = host_memory({static_cast<int64_t>(values.size())}, at::kInt, device_);
    std::copy(values.begin(), values.end(), host.mutable_data_ptr<int32_t>());
    return to_device(host, device_);
  }

  // In units of a rounding; 1 or less counts as equal.
  double excess(const at::Tensor& computed, const at::Tensor& expected, double roundings = 1) const {
    return excess_of(computed, expected, roundings * rounding_of(kernels_.dtype()));
  }
  static double excess_of(const at::Tensor& computed, const at::Tensor& expected, double rounding) {
    const auto difference = computed.to(at::kFloat).sub(expected).abs_();
    return fetched(difference.div_(expected.abs().add_(1).mul_(rounding)).max()).item<double>();
  }

  const DeviceKernels& kernels_;
  const Sizes sizes_;
  const at::Device device_;
  PackedTokens sequences_;
  int64_t rows_ = 0;
};

std::optional<double> Comparison::rotary() const {
  const auto heads = own(noise({rows_, 3, sizes_.heads, sizes_.head_width}, 1));
  const auto expected = heads.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  const auto positions = rotary_positions(sequences_.longest(), sizes_.head_width, device_);
  std::vector<int32_t> places;
  for (int64_t i = 0; i < sequences_.sequences(); ++i) {
    for (auto k = sequences_.begin(i); k < sequences_.end(i); ++k) {
      places.push_back(static_cast<int32_t>(k - sequences_.begin(i)));
    }
  }
  if (!kernels_.rotate(heads, positions.cosine, positions.sine, numbers(places))) return std::nullopt;
  Rotation(positions, numbers(places), {device_, at::kFloat}).rotate(expected);
  return excess(heads, expected);
}

std::optional<double> Comparison::add_norm(bool keeps_normal) const {
  const auto hidden = noise({rows_, sizes_.width}, 2);
  const auto update = own(noise({rows_, sizes_.width}, 3));
  const auto weight = noise({sizes_.width}, 4);
  const auto bias = noise({sizes_.width}, 5);
  const auto sum = hidden + update.to(at::kFloat);
  const auto normal = kernels_.add_norm(hidden, update, weight, bias, kEpsilon, keeps_normal);
  if (!normal.defined()) return std::nullopt;
  const auto expected = at::layer_norm(sum, {sizes_.width}, weight, bias, kEpsilon);
  // `hidden` is float32 whatever the type.
  return worse(excess(normal, expected), excess_of(hidden, keeps_normal ? expected : sum, rounding_of(at::kFloat)));
}

std::optional<double> Comparison::bias_gelu() const {
  const auto product = own(noise({rows_, sizes_.feed_forward}, 6));
  const auto bias = own(noise({sizes_.feed_forward}, 7));
  const auto expected = at::gelu(product.to(at::kFloat) + bias.to(at::kFloat));
  if (!kernels_.bias_gelu(product, bias)) return std::nullopt;
  return excess(product, expected);
}

std::optional<double> Comparison::gelu_times() const {
  const auto gated = own(noise({rows_, 2 * sizes_.feed_forward}, 8));
  const auto output = kernels_.gelu_times(gated);
  if (!output.defined()) return std::nullopt;
  const auto halves = gated.to(at::kFloat).chunk(2, 1);
  return excess(output, at::gelu(halves[0]) * halves[1]);
}

std::optional<double> Comparison::sequence_mean() const {
  const auto hidden = noise({rows_, sizes_.width}, 9);
  const std::vector<int32_t> first(sequences_.offsets.begin(), sequences_.offsets.end() - 1);
  const std::vector<int32_t> last(sequences_.offsets.begin() + 1, sequences_.offsets.end());
  const auto means = kernels_.sequence_mean(hidden, numbers(first), numbers(last));
  if (!means.defined()) return std::nullopt;
  std::vector<at::Tensor> expected;
  for (int64_t i = 0; i < sequences_.sequences(); ++i) {
    expected.push_back(hidden.narrow(0, sequences_.begin(i), sequences_.end(i) - sequences_.begin(i)).mean(0));
  }
  return excess_of(means, at::stack(expected), rounding_of(at::kFloat));
}

std::optional<double> Comparison::alibi_attention() const {
  const auto heads = own(noise({rows_, 3, sizes_.heads, sizes_.head_width}, 10));
  // The first of several sequences holds NaN, which must not show in the others.
  const auto unsound = sequences_.sequences() > 1 ? sequences_.end(0) : 0;
  heads.narrow(0, 0, unsound).fill_(std::numeric_limits<float>::quiet_NaN());
  PositionEncoding positions;
  positions.slopes = at::tensor(alibi_slopes(sizes_.heads)).to(device_);
  const auto mixed =
      kernels_.alibi_attention(heads, numbers(sequences_.offsets), positions.slopes, sequences_.longest());
  if (!mixed.defined()) return std::nullopt;
  const Placement in_float32{device_, at::kFloat};
  const auto attention = make_padded_attention(sequences_, {sizes_.heads, sizes_.head_width}, positions, in_float32);
  const auto expected = (*attention)(heads.to(at::kFloat).view({rows_, 3 * sizes_.width}));
  // The weights are rounded to the type before they multiply the values, which are up to 2.
  return excess(mixed.slice(0, unsound), expected.slice(0, unsound), 2);
}

}  // namespace

std::vector<WrongKernel> wrong_kernels(const DeviceKernels& kernels, const std::vector<Architecture>& architectures,
                                       at::Device device) {
  std::vector<WrongKernel> wrong;
  const auto expect = [&](const char* name, const std::optional<double>& excess) {
    // Written so that NaN counts as wrong.
    if (!excess || *excess <= 1) return;
    const auto known = std::any_of(wrong.begin(), wrong.end(), [&](const auto& one) { return one.name == name; });
    if (!known) wrong.push_back({name, *excess});
  };
  for (const auto& architecture : architectures) {
    const auto sizes = sizes_of(architecture);
    if (!sizes) continue;
    for (const auto& lengths : kBatches) {
      const Comparison comparison(kernels, *sizes, lengths, device);
      for (const bool keeps_normal : {false, true}) expect(DeviceKernels::kAddNorm, comparison.add_norm(keeps_normal));
      expect(DeviceKernels::kSequenceMean, comparison.sequence_mean());
      if (sizes->rotates) {
        expect(DeviceKernels::kRotary, comparison.rotary());
        expect(DeviceKernels::kBiasGelu, comparison.bias_gelu());
      } else {
        expect(DeviceKernels::kGeluTimes, comparison.gelu_times());
        expect(DeviceKernels::kAlibiAttention, comparison.alibi_attention());
      }
    }
  }
  return wrong;
}

}  // namespace virnucpro
