// Runs an emulated kernel on noise and compares it with libtorch's operators in float64: check_kernels FOLDER ELEMENT
// CAPABILITY KERNEL. Writes a line of JSON for each comparison. FOLDER contains <kernel>.so, compiled for the type and
// the compute capability, 90 for 9.0.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cuda_kernels/kernel_calls.h"
#include "emulated_kernels.h"
#include "guarded_memory.h"

namespace {

using namespace virnucpro;

at::ScalarType type_of(const std::string& element) {
  if (element == "half") return at::kHalf;
  return element == "bfloat16" ? at::kBFloat16 : at::kFloat;
}

// A tensor's values in memory that ends at an inaccessible page.
class Array {
 public:
  explicit Array(const at::Tensor& tensor)
      : like_(tensor.contiguous()), memory_(std::make_shared<emulation::GuardedMemory>(like_.nbytes())) {
    std::memcpy(memory_->begin(), like_.const_data_ptr(), like_.nbytes());
  }

  template <typename T = void>
  T* data() const {
    return reinterpret_cast<T*>(memory_->begin());
  }

  at::Tensor values() const {
    auto values = at::empty_like(like_);
    std::memcpy(values.mutable_data_ptr(), memory_->begin(), like_.nbytes());
    return values;
  }

 private:
  at::Tensor like_;
  std::shared_ptr<emulation::GuardedMemory> memory_;
};

class Checks {
 public:
  Checks(EmulatedKernels& kernels, at::ScalarType type, int capability)
      : kernels(kernels), type(type), capability_(capability) {}

  // Whether attention uses tensor cores.
  bool tensor_cores() const {
    return type == at::kHalf ? capability_ >= 75 : type == at::kBFloat16 && capability_ >= 80;
  }

  // Half the distance from 1 to the type's next number.
  double rounding() const { return type == at::kFloat ? 0x1p-24 : type == at::kHalf ? 0x1p-11 : 0x1p-8; }

  at::Tensor noise(at::IntArrayRef shape, double scale = 1) const { return at::randn(shape).mul(scale).to(type); }

  // Runs a kernel in several orders of its threads. `launch` allocates its memory anew and returns the outputs.
  void compare(const std::string& what, const std::function<std::vector<at::Tensor>()>& launch,
               const std::vector<at::Tensor>& expected, const std::vector<at::Tensor>& allowed, const Traffic& stated) {
    kernels.run_in_order(0);
    const auto outputs = launch();
    const auto traffic = kernels.traffic();
    bool same = true;
    for (const uint64_t order : {1, 2, 3, 5}) {
      kernels.run_in_order(order);
      const auto again = launch();
      for (size_t i = 0; i < outputs.size(); ++i) same = same && identical(outputs[i], again[i]);
    }
    double worst = 0;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto fraction = (outputs[i].to(at::kDouble) - expected[i]).abs() / allowed[i];
      // A NaN on only one side counts as an infinite error.
      const auto lost = outputs[i].isnan().logical_xor(expected[i].isnan());
      const auto far = fraction.nan_to_num(0).masked_fill(lost, INFINITY);
      worst = std::max(worst, far.max().item<double>());
    }
    std::printf(
        "{\"what\": \"%s\", \"fractionOfAllowed\": %s, \"sameInEveryOrder\": %s, \"moved\": [%ld, %ld, %ld], "
        "\"stated\": [%ld, %ld, %ld]}\n",
        what.c_str(), std::isfinite(worst) ? std::to_string(worst).c_str() : "1e300", same ? "true" : "false",
        traffic.read, traffic.reused, traffic.written, stated.read, stated.reused, stated.written);
  }

  EmulatedKernels& kernels;
  const at::ScalarType type;

 private:
  const int capability_;

  static bool identical(const at::Tensor& a, const at::Tensor& b) {
    return a.nbytes() == b.nbytes() && std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
  }
};

// Error allowed for rounding to the type and `steps` float32 operations on numbers of this size.
at::Tensor allowed_for(const Checks& checks, const at::Tensor& expected, double size, double steps = 8) {
  return expected.abs() * (checks.rounding() * 1.001) + size * steps * 0x1p-24 + 0x1p-25;
}

void check_rotary(Checks& checks, int64_t rows, int64_t heads, int64_t head_width) {
  const int64_t longest = rows / 2 + 1;
  const auto half = head_width / 2;
  const auto qkv = checks.noise({rows, 3, heads, head_width});
  const auto angles = at::rand({longest, half}, at::kDouble) * 6.283;
  const auto cosine = angles.cos().to(at::kFloat);
  const auto sine = angles.sin().to(at::kFloat);
  const auto places = at::randint(longest, {rows}, at::kInt);
  const auto exact = qkv.to(at::kDouble);
  const auto c = cosine.to(at::kDouble).index_select(0, places).view({rows, 1, 1, half});
  const auto s = sine.to(at::kDouble).index_select(0, places).view({rows, 1, 1, half});
  const auto first = exact.narrow(1, 0, 2).narrow(3, 0, half);
  const auto second = exact.narrow(1, 0, 2).narrow(3, half, half);
  const auto turned = at::cat({first * c - second * s, second * c + first * s}, 3);
  const auto expected = at::cat({turned, exact.narrow(1, 2, 1)}, 1);
  const auto size = static_cast<int64_t>(qkv.element_size());
  const auto moved = rows * heads * 2 * head_width * size;
  const auto threads = std::min(int64_t{128}, (heads * head_width / 8 + 31) / 32 * 32);
  checks.compare(
      "rotary, " + std::to_string(rows) + " rows of " + std::to_string(heads) + " x " + std::to_string(head_width),
      [&] {
        const Array data(qkv), cosines(cosine), sines(sine), rows_places(places);
        const RotaryCall call{
            data.data(), cosines.data<float>(), sines.data<float>(), rows_places.data<int32_t>(), rows, heads,
            head_width};
        TORCH_CHECK(call.fits());
        call.launch(checks.kernels);
        return std::vector{data.values()};
      },
      {expected}, {allowed_for(checks, expected, 8)},
      {moved + rows * 4, rows * heads * 2 * head_width * 4 + rows * 4 * (threads - 1), moved});
}

void check_add_norm(Checks& checks, int64_t rows, int64_t width, bool with_update, bool keeps_normal) {
  const auto hidden = at::randn({rows, width}) * 3 + 1;
  const auto update = checks.noise({rows, width}, 2);
  const auto weight = at::rand({width}) + 0.5;
  const auto bias = at::randn({width});
  const double epsilon = 1e-5;
  const auto sum = with_update ? hidden + update.to(at::kFloat) : hidden;
  const auto normal =
      at::layer_norm(sum.to(at::kDouble), {width}, weight.to(at::kDouble), bias.to(at::kDouble), epsilon);
  const auto kept = keeps_normal ? normal : sum.to(at::kDouble);
  const auto norm_allowed = at::full_like(normal, 40 * 0x1p-24 * 4);
  const auto numbers = rows * width;
  const auto size = static_cast<int64_t>(update.element_size());
  const bool writes = with_update || keeps_normal;
  checks.compare(
      "add_norm, " + std::to_string(rows) + " x " + std::to_string(width) + (with_update ? ", an update" : "") +
          (keeps_normal ? ", the norm kept" : ""),
      [&] {
        const Array stream(hidden), added(update), weights(weight), biases(bias);
        const Array output(at::full({rows, width}, NAN).to(checks.type));
        const AddNormCall call{stream.data<float>(),
                               with_update ? added.data() : nullptr,
                               weights.data<float>(),
                               biases.data<float>(),
                               output.data(),
                               rows,
                               width,
                               static_cast<float>(epsilon),
                               keeps_normal};
        TORCH_CHECK(call.fits());
        call.launch(checks.kernels);
        return std::vector{output.values(), stream.values()};
      },
      {normal, kept},
      {normal.abs() * (checks.rounding() * 1.001) + norm_allowed,
       keeps_normal ? norm_allowed : at::full_like(kept, 1e-30)},
      {numbers * 4 + (with_update ? numbers * size : 0), 8 * numbers, numbers * size + (writes ? numbers * 4 : 0)});
}

void check_bias_gelu(Checks& checks, int64_t rows, int64_t width, bool with_bias) {
  const auto product = checks.noise({rows, width}, 2);
  const auto bias = checks.noise({width});
  auto sum = product.to(at::kDouble);
  if (with_bias) sum = sum + bias.to(at::kDouble);
  const auto expected = at::gelu(sum);
  const auto size = static_cast<int64_t>(product.element_size());
  checks.compare("bias_gelu, " + std::to_string(rows) + " x " + std::to_string(width) + (with_bias ? ", a bias" : ""),
                 [&] {
                   const Array data(product), added(bias);
                   const BiasGeluCall call{data.data(), with_bias ? added.data() : nullptr, rows, width};
                   TORCH_CHECK(call.fits());
                   call.launch(checks.kernels);
                   return std::vector{data.values()};
                 },
                 {expected}, {allowed_for(checks, expected, 8)},
                 {rows * width * size, with_bias ? (rows + 3) / 4 * width * size : 0, rows * width * size});
}

void check_gelu_times(Checks& checks, int64_t rows, int64_t width) {
  const auto gated = checks.noise({rows, 2 * width}, 2);
  const auto exact = gated.to(at::kDouble);
  const auto expected = at::gelu(exact.narrow(1, 0, width)) * exact.narrow(1, width, width);
  const auto size = static_cast<int64_t>(gated.element_size());
  checks.compare("gelu_times, " + std::to_string(rows) + " x " + std::to_string(width),
                 [&] {
                   const Array data(gated), output(at::full({rows, width}, NAN).to(checks.type));
                   const GeluTimesCall call{data.data(), output.data(), rows, width};
                   TORCH_CHECK(call.fits());
                   call.launch(checks.kernels);
                   return std::vector{output.values()};
                 },
                 {expected}, {allowed_for(checks, expected, 64)}, {rows * width * 2 * size, 0, rows * width * size});
}

void check_mean(Checks& checks, const std::vector<int32_t>& lengths, int64_t width) {
  std::vector<int32_t> first, last;
  int32_t rows = 0;
  int64_t counted = 0;
  for (const auto length : lengths) {
    // The first and last tokens do not count.
    first.push_back(rows + 1);
    last.push_back(rows + 1 + length);
    rows += length + 2;
    counted += length;
  }
  auto hidden = at::randn({rows, width}) + 2;
  std::vector<at::Tensor> means;
  for (size_t i = 0; i < lengths.size(); ++i) {
    hidden[first[i] - 1].fill_(NAN);
    hidden[last[i]].fill_(NAN);
    means.push_back(hidden.narrow(0, first[i], lengths[i]).to(at::kDouble).mean(0));
  }
  const auto expected = at::stack(means);
  const auto sequences = static_cast<int64_t>(lengths.size());
  const auto strips = (width + 127) / 128;
  checks.compare(
      "sequence_mean, " + std::to_string(sequences) + " sequences of width " + std::to_string(width),
      [&] {
        const Array data(hidden), firsts(at::tensor(first, at::kInt)), lasts(at::tensor(last, at::kInt));
        const Array output(at::full({sequences, width}, NAN, at::kFloat));
        const SequenceMeanCall call{
            data.data<float>(), firsts.data<int32_t>(), lasts.data<int32_t>(), output.data<float>(), sequences, width};
        TORCH_CHECK(call.fits());
        call.launch(checks.kernels);
        return std::vector{output.values()};
      },
      {expected}, {at::full_like(expected, 1e-5)},
      {counted * width * 4 + 8 * sequences, (strips * 256 - 1) * 8 * sequences, sequences * width * 4});
}

// The sequence at `spoilt` consists of NaNs.
void check_attention(Checks& checks, const std::vector<int64_t>& lengths, int64_t heads, int64_t head_width, bool alibi,
                     std::optional<size_t> spoilt = std::nullopt) {
  std::vector<int32_t> offsets{0};
  for (const auto length : lengths) offsets.push_back(offsets.back() + static_cast<int32_t>(length));
  const int64_t rows = offsets.back();
  auto qkv = checks.noise({rows, 3, heads, head_width});
  qkv.select(1, 0).mul_(2 / std::sqrt(static_cast<double>(head_width)));
  if (spoilt) qkv.narrow(0, offsets[*spoilt], lengths[*spoilt]).fill_(NAN);
  auto slopes = at::rand({heads}) * 0.5;
  std::vector<at::Tensor> parts;
  const int64_t queries_at_once = checks.tensor_cores() ? 64 : 32;
  int64_t again = 0;
  const auto size = static_cast<int64_t>(qkv.element_size());
  for (size_t i = 0; i < lengths.size(); ++i) {
    const auto own = qkv.narrow(0, offsets[i], lengths[i]).to(at::kDouble);
    auto logits = at::einsum("ihc,jhc->hij", {own.select(1, 0), own.select(1, 1)});
    if (alibi) {
      const auto place = at::arange(lengths[i], at::kDouble);
      const auto distance = (place.unsqueeze(0) - place.unsqueeze(1)).abs();
      logits = logits - distance * slopes.to(at::kDouble).view({heads, 1, 1});
    }
    parts.push_back(at::einsum("hij,jhc->ihc", {logits.softmax(-1), own.select(1, 2)}).reshape({lengths[i], -1}));
    again += (lengths[i] - 1) / queries_at_once * lengths[i] * 2 * heads * head_width * size;
  }
  const auto expected = at::cat(parts);
  // The weights are rounded to the type too; their sum is one.
  const auto largest = qkv.select(1, 2).to(at::kDouble).abs().nan_to_num(0).max().item<double>();
  const auto allowed = expected.abs() * checks.rounding() + largest * (checks.rounding() + 100 * 0x1p-24);
  const auto blocks = [&] {
    int64_t count = 0, all = 0;
    const auto longest = *std::max_element(lengths.begin(), lengths.end());
    for (const auto length : lengths) {
      count += (length + 63) / 64;
      all += (longest + 63) / 64;
    }
    return std::pair{count * heads, all * heads};
  }();
  checks.compare(
      "attention, " + std::to_string(heads) + " x " + std::to_string(head_width) + (alibi ? " with ALiBi" : "") + ", " +
          std::to_string(lengths.size()) + " sequences" + (spoilt ? ", one of NaNs" : ""),
      [&] {
        const Array data(qkv), ends(at::tensor(offsets, at::kInt)), slope(slopes);
        const Array output(at::full({rows, heads * head_width}, 7).to(checks.type));
        const AlibiAttentionCall call{data.data(),
                                      ends.data<int32_t>(),
                                      alibi ? slope.data<float>() : nullptr,
                                      output.data(),
                                      static_cast<int64_t>(lengths.size()),
                                      *std::max_element(lengths.begin(), lengths.end()),
                                      heads,
                                      head_width};
        TORCH_CHECK(call.fits());
        call.launch(checks.kernels);
        return std::vector{output.values()};
      },
      {expected}, {allowed},
      {rows * 3 * heads * head_width * size, again + (blocks.second * 8 + (alibi ? blocks.first * 4 : 0)) * 128,
       rows * heads * head_width * size});
}

void check(Checks& checks, const std::string& kernel) {
  if (kernel == "rotary") {
    check_rotary(checks, 5, 3, 64);
    check_rotary(checks, 3, 40, 64);
    check_rotary(checks, 7, 20, 32);
    check_rotary(checks, 4, 4, 48);
    check_rotary(checks, 2, 1, 16);
    check_rotary(checks, 1, 2, 128);
  } else if (kernel == "add_norm") {
    for (const bool update : {true, false}) {
      for (const bool kept : {true, false}) check_add_norm(checks, 5, 768, update, kept);
    }
    for (const int64_t width : {8, 64, 264, 320, 1280, 2560, 5120}) check_add_norm(checks, 3, width, true, false);
  } else if (kernel == "bias_gelu") {
    check_bias_gelu(checks, 9, 1280, true);
    check_bias_gelu(checks, 4, 1280, false);
    check_bias_gelu(checks, 1, 8, true);
    check_bias_gelu(checks, 6, 1032, true);
  } else if (kernel == "gelu_times") {
    check_gelu_times(checks, 9, 3072);
    check_gelu_times(checks, 4, 256);
    check_gelu_times(checks, 1, 8);
    check_gelu_times(checks, 3, 1032);
  } else if (kernel == "sequence_mean") {
    check_mean(checks, {1, 7, 8, 9, 130, 64}, 320);
    check_mean(checks, {33, 2}, 8);
    check_mean(checks, {200}, 2560);
  } else {
    const auto head_width = std::stoll(kernel.substr(kernel.rfind('_') + 1));
    TORCH_CHECK(kernel == AlibiAttentionCall::kernel_for(head_width), kernel);
    check_attention(checks, {1, 63, 64, 65, 100, 17}, 3, head_width, true);
    check_attention(checks, {200, 5}, 1, head_width, false);
    check_attention(checks, {70, 33, 16, 8}, 2, head_width, true, 1);
  }
}

}  // namespace

int main(int, char** words) {
  at::manual_seed(7);
  at::set_num_threads(1);
  EmulatedKernels kernels(words[1]);
  Checks checks(kernels, type_of(words[2]), std::stoi(words[3]));
  check(checks, words[4]);
}
