#pragma once

#include <cstdint>
#include <variant>

namespace virnucpro {

// The sizes of a model; lib/engine/addon.ts declares the same fields.
struct Esm2Architecture {
  int64_t layers = 0;
  int64_t width = 0;
  int64_t heads = 0;
  int64_t feed_forward = 0;
  int64_t vocabulary = 0;
};

struct DnabertArchitecture {
  int64_t layers = 0;
  int64_t width = 0;
  int64_t heads = 0;
  int64_t feed_forward = 0;
  int64_t vocabulary = 0;
  int64_t token_types = 0;
  double layer_norm_epsilon = 1e-12;
};

struct ClassifierArchitecture {
  int64_t inputs = 0;
  int64_t hidden = 0;
  double batch_norm_epsilon = 1e-5;
};

using Architecture = std::variant<Esm2Architecture, DnabertArchitecture, ClassifierArchitecture>;

}  // namespace virnucpro
