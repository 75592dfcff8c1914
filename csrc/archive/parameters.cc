#include "archive/parameters.h"

#include <sstream>
#include <string>
#include <utility>

#include "error.h"

namespace virnucpro {
namespace {

// Far above every published model, and low enough that no product of sizes below overflows 64 bits.
constexpr int64_t kMaxSize = int64_t{1} << 24;
constexpr int64_t kMaxLayers = 1000;

void expect_size(const char* what, int64_t value, int64_t largest) {
  if (value >= 1 && value <= largest) return;
  throw Error(code::kArgument, "Expected a whole number from 1 to " + std::to_string(largest) + " for " + what +
                                   " but received " + std::to_string(value) +
                                   ". Check the sizes in the model's configuration.");
}

void expect_epsilon(const char* what, double value) {
  if (value > 0 && value < 1) return;
  throw Error(code::kArgument, std::string("Expected a number between 0 and 1 for ") + what + " but received " +
                                   std::to_string(value) + ". Check the model's configuration.");
}

// Checks the width per head. Rotary positions pair the two halves of a head, so its width must be even.
void expect_heads(int64_t width, int64_t heads, bool rotary) {
  expect_size("the attention heads", heads, width);
  if (width % heads == 0 && (!rotary || width / heads % 2 == 0)) return;
  throw Error(code::kArgument, std::string("Expected a number of attention heads that divides the width into equal ") +
                                   (rotary ? "even parts" : "parts") + " but received " + std::to_string(heads) +
                                   " heads for width " + std::to_string(width) +
                                   ". Check the sizes in the model's configuration.");
}

class ShapeList {
 public:
  void matrix(const std::string& name, int64_t rows, int64_t columns) {
    shapes_.push_back({name + ".weight", {rows, columns}});
  }
  void affine(const std::string& name, int64_t rows, int64_t columns) {
    matrix(name, rows, columns);
    shapes_.push_back({name + ".bias", {rows}});
  }
  void vector(const std::string& name, int64_t size) { shapes_.push_back({name, {size}}); }
  void norm(const std::string& name, int64_t size) {
    vector(name + ".weight", size);
    vector(name + ".bias", size);
  }
  std::vector<ParameterShape> take() { return std::move(shapes_); }

 private:
  std::vector<ParameterShape> shapes_;
};

std::vector<ParameterShape> shapes_of(const Esm2Architecture& sizes) {
  expect_size("the layers", sizes.layers, kMaxLayers);
  expect_size("the width", sizes.width, kMaxSize);
  expect_size("the feed-forward width", sizes.feed_forward, kMaxSize);
  expect_size("the vocabulary", sizes.vocabulary, kMaxSize);
  expect_heads(sizes.width, sizes.heads, true);
  ShapeList list;
  list.matrix("embed_tokens", sizes.vocabulary, sizes.width);
  for (int64_t i = 0; i < sizes.layers; ++i) {
    const std::string layer = "layers." + std::to_string(i) + ".";
    list.norm(layer + "attention_norm", sizes.width);
    for (const char* projection : {"query", "key", "value", "attention_output"}) {
      list.affine(layer + projection, sizes.width, sizes.width);
    }
    list.norm(layer + "feed_forward_norm", sizes.width);
    list.affine(layer + "up", sizes.feed_forward, sizes.width);
    list.affine(layer + "down", sizes.width, sizes.feed_forward);
  }
  list.norm("final_norm", sizes.width);
  return list.take();
}

std::vector<ParameterShape> shapes_of(const DnabertArchitecture& sizes) {
  expect_size("the layers", sizes.layers, kMaxLayers);
  expect_size("the width", sizes.width, kMaxSize);
  expect_size("the feed-forward width", sizes.feed_forward, kMaxSize);
  expect_size("the vocabulary", sizes.vocabulary, kMaxSize);
  expect_size("the token types", sizes.token_types, kMaxSize);
  expect_heads(sizes.width, sizes.heads, false);
  expect_epsilon("the epsilon of LayerNorm", sizes.layer_norm_epsilon);
  ShapeList list;
  list.matrix("word_embeddings", sizes.vocabulary, sizes.width);
  list.matrix("token_type_embeddings", sizes.token_types, sizes.width);
  list.norm("embedding_norm", sizes.width);
  for (int64_t i = 0; i < sizes.layers; ++i) {
    const std::string layer = "layers." + std::to_string(i) + ".";
    list.affine(layer + "query_key_value", 3 * sizes.width, sizes.width);
    list.affine(layer + "attention_output", sizes.width, sizes.width);
    list.norm(layer + "attention_norm", sizes.width);
    list.matrix(layer + "gated", 2 * sizes.feed_forward, sizes.width);
    list.affine(layer + "down", sizes.width, sizes.feed_forward);
    list.norm(layer + "output_norm", sizes.width);
  }
  return list.take();
}

std::vector<ParameterShape> shapes_of(const ClassifierArchitecture& sizes) {
  expect_size("the inputs", sizes.inputs, kMaxSize);
  expect_size("the hidden width", sizes.hidden, kMaxSize);
  expect_epsilon("the epsilon of BatchNorm", sizes.batch_norm_epsilon);
  ShapeList list;
  list.affine("hidden", sizes.hidden, sizes.inputs);
  list.norm("norm", sizes.hidden);
  list.vector("norm.running_mean", sizes.hidden);
  list.vector("norm.running_var", sizes.hidden);
  list.affine("output", 2, sizes.hidden);
  return list.take();
}

}  // namespace

std::vector<ParameterShape> parameters_of(const Architecture& architecture) {
  return std::visit([](const auto& sizes) { return shapes_of(sizes); }, architecture);
}

std::string text_of(c10::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

at::Tensor LoadedParameters::take(const std::string& name) {
  const auto found = parameters_.find(name);
  if (found == parameters_.end()) throw Error(code::kNative, "The parameter " + name + " was taken before");
  auto tensor = std::move(found->second);
  parameters_.erase(found);
  progress_.laid_out(static_cast<int64_t>(tensor.nbytes()));
  return tensor;
}

}  // namespace virnucpro
