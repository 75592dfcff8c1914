#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "archive/architecture.h"
#include "archive/loading_progress.h"

namespace virnucpro {

struct ParameterShape {
  std::string name;
  std::vector<int64_t> shape;
};

// Every parameter of an archive, by dotted path, in the order in which the data passes them. D = width, F =
// feed-forward width, V = vocabulary, L = layers.
//
// esm2:       embed_tokens.weight [V,D]
//             layers.{i}.attention_norm.{weight,bias} [D]
//             layers.{i}.{query,key,value,attention_output}.weight [D,D], .bias [D]
//             layers.{i}.feed_forward_norm.{weight,bias} [D]
//             layers.{i}.up.weight [F,D], .bias [F]; layers.{i}.down.weight [D,F], .bias [D]
//             final_norm.{weight,bias} [D]
// dnabert2:   word_embeddings.weight [V,D]; token_type_embeddings.weight [T,D]; embedding_norm.{weight,bias} [D]
//             layers.{i}.query_key_value.weight [3D,D], .bias [3D]
//             layers.{i}.attention_output.weight [D,D], .bias [D]; layers.{i}.attention_norm.{weight,bias} [D]
//             layers.{i}.gated.weight [2F,D] (first F rows go through GELU, the rest is multiplied)
//             layers.{i}.down.weight [D,F], .bias [D]; layers.{i}.output_norm.{weight,bias} [D]
// classifier: hidden.weight [H,inputs], .bias [H]; norm.{weight,bias,running_mean,running_var} [H];
//             output.weight [2,H], .bias [2]
//
// Throws kArgument for sizes that no model has: not positive, or heads that do not divide the width.
std::vector<ParameterShape> parameters_of(const Architecture& architecture);

// For messages: `[2, 3]`.
std::string text_of(c10::IntArrayRef shape);

// Parameters by dotted path.
using ParameterMap = std::map<std::string, at::Tensor>;

// The parameters of an archive while a model is made from them. Used by one thread.
class LoadedParameters {
 public:
  LoadedParameters(ParameterMap parameters, LoadingProgress& progress)
      : parameters_(std::move(parameters)), progress_(progress) {}

  // Takes a parameter out, so that its memory is freed as soon as the caller has made its own copy. Each parameter can
  // be taken once.
  at::Tensor take(const std::string& name);

 private:
  ParameterMap parameters_;
  LoadingProgress& progress_;
};

}  // namespace virnucpro
