#include "known_answer/known_model.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "archive/parameters.h"
#include "cpu_kernels/cpu_kernels.h"

namespace virnucpro {

namespace {

constexpr int64_t kHeads = 2;
// Below this width a CPU does not use its matrix units (AMX), and what makes these inexact would go unnoticed.
constexpr int64_t kMinWidth = 64;
constexpr int64_t kVocabulary = 32;
constexpr int64_t kClassifierInputs = 64;
constexpr int64_t kClassifierHidden = 64;

// Decides which kernel computes the norms.
bool has_whole_steps(int64_t width) { return width % CpuKernels::kWidthStep == 0; }

template <typename Encoder>
Encoder smallest_encoder(Encoder sizes) {
  const auto head_width = sizes.width / sizes.heads;
  auto heads = std::min(kHeads, sizes.heads);
  const auto is_like = [&](int64_t width) {
    return width >= kMinWidth && has_whole_steps(width) == has_whole_steps(sizes.width);
  };
  while (heads < sizes.heads && !is_like(heads * head_width)) ++heads;
  sizes.layers = 1;
  sizes.width = heads * head_width;
  sizes.heads = heads;
  sizes.feed_forward = std::min(sizes.feed_forward, std::max(sizes.width, kMinWidth));
  sizes.vocabulary = std::min(sizes.vocabulary, kVocabulary);
  return sizes;
}

Architecture smallest(const Esm2Architecture& sizes) { return smallest_encoder(sizes); }

Architecture smallest(DnabertArchitecture sizes) {
  sizes.token_types = 1;
  return smallest_encoder(sizes);
}

Architecture smallest(ClassifierArchitecture sizes) {
  sizes.inputs = std::min(sizes.inputs, kClassifierInputs);
  sizes.hidden = std::min(sizes.hidden, kClassifierHidden);
  return sizes;
}

// Numbers that look random (SplitMix64, Steele et al. 2014), in steps of 1/128 from -1 to 1.
class KnownNumbers {
 public:
  explicit KnownNumbers(std::string_view name) {
    // FNV-1a; std::hash may differ between machines.
    for (const char letter : name) state_ = (state_ ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  }

  float next() {
    state_ += 0x9e3779b97f4a7c15U;
    auto mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    mixed ^= mixed >> 31U;
    return static_cast<float>(static_cast<int>(mixed % 257) - 128) / 128.0F;
  }

 private:
  uint64_t state_ = 0xcbf29ce484222325U;
};

struct Range {
  float centre;
  float reach;
};

// Powers of two, so that exact values stay exact.
Range range_of(std::string_view name) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (has("running_var") || has("norm.weight")) return {1, 0.25F};
  if (has("embed")) return {0, 1};
  // Makes attention sharp enough for positions to matter.
  if (has("query") || has("key")) return {0, 0.25F};
  return {0, 0.125F};
}

at::Tensor known_values(std::string_view name, at::IntArrayRef shape) {
  auto values = at::empty(shape, at::kFloat);
  KnownNumbers numbers(name);
  const auto [centre, reach] = range_of(name);
  auto* const first = values.mutable_data_ptr<float>();
  std::generate(first, first + values.numel(), [&, c = centre, r = reach] { return c + r * numbers.next(); });
  return values;
}

int64_t vocabulary_of(const Architecture& architecture) {
  if (const auto* esm2 = std::get_if<Esm2Architecture>(&architecture)) return esm2->vocabulary;
  return std::get<DnabertArchitecture>(architecture).vocabulary;
}

}  // namespace

Architecture smallest_like(const Architecture& architecture) {
  return std::visit([](const auto& sizes) { return smallest(sizes); }, architecture);
}

ParameterMap known_parameters(const Architecture& architecture) {
  ParameterMap parameters;
  for (const auto& [name, shape] : parameters_of(architecture)) parameters.emplace(name, known_values(name, shape));
  return parameters;
}

PackedTokens known_tokens(const Architecture& architecture) {
  const auto vocabulary = static_cast<int32_t>(vocabulary_of(architecture));
  PackedTokens packed;
  packed.offsets.push_back(0);
  for (const int32_t length : {5, 17, 37}) {
    for (int32_t i = 0; i < length; ++i) packed.tokens.push_back((i * i * 7 + i * 3 + length) % vocabulary);
    packed.offsets.push_back(static_cast<int32_t>(packed.tokens.size()));
  }
  return packed;
}

at::Tensor known_features(const ClassifierArchitecture& architecture) {
  return known_values("features", {3, architecture.inputs});
}

}  // namespace virnucpro
