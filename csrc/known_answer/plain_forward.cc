#include "known_answer/plain_forward.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "model/alibi.h"
#include "model/encoder.h"
#include "model/pooling.h"

namespace virnucpro {

namespace {

// From fair-esm, since the architecture does not carry them: its layers' epsilon, and the scale of its token dropout, 1
// - 0.15 * 0.8.
constexpr double kEsm2Epsilon = 1e-5;
constexpr double kEsm2EmbeddingScale = 0.88;
constexpr double kRotaryBase = 10000.0;

using Row = std::vector<double>;

// Rows of numbers.
struct Rows {
  int64_t width = 0;
  Row values;

  Rows(int64_t rows, int64_t columns) : width(columns), values(static_cast<size_t>(rows * columns)) {}
  int64_t count() const { return static_cast<int64_t>(values.size()) / width; }
  double* row(int64_t index) { return values.data() + index * width; }
  const double* row(int64_t index) const { return values.data() + index * width; }

  void add(const Rows& other) {
    for (size_t i = 0; i < values.size(); ++i) values[i] += other.values[i];
  }
  void apply(const std::function<double(double)>& change) {
    std::transform(values.begin(), values.end(), values.begin(), change);
  }
};

double gelu(double x) { return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0))); }

// The parameters below one dotted path.
class Weights {
 public:
  Weights(const ParameterMap& parameters, std::string prefix) : parameters_(parameters), prefix_(std::move(prefix)) {}

  Weights under(const std::string& name) const { return {parameters_, prefix_ + name + "."}; }
  bool has(const std::string& name) const { return parameters_.count(prefix_ + name) != 0; }
  const float* values(const std::string& name) const { return tensor(name).const_data_ptr<float>(); }
  int64_t rows(const std::string& name) const { return tensor(name).size(0); }

 private:
  const at::Tensor& tensor(const std::string& name) const { return parameters_.at(prefix_ + name); }

  const ParameterMap& parameters_;
  std::string prefix_;
};

// x W^T + b for the rows [first, first + outputs) of the weight.
Rows product(const Rows& x, const Weights& weights, int64_t first, int64_t outputs) {
  const auto* const weight = weights.values("weight") + first * x.width;
  // Column by column, so that the inner loop runs over contiguous memory.
  Row columns(static_cast<size_t>(x.width * outputs));
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t i = 0; i < x.width; ++i) columns[static_cast<size_t>(i * outputs + o)] = weight[o * x.width + i];
  }
  Rows y(x.count(), outputs);
  for (int64_t r = 0; r < x.count(); ++r) {
    auto* const sum = y.row(r);
    if (weights.has("bias")) std::copy_n(weights.values("bias") + first, outputs, sum);
    for (int64_t i = 0; i < x.width; ++i) {
      const double factor = x.row(r)[i];
      const auto* const column = columns.data() + i * outputs;
      for (int64_t o = 0; o < outputs; ++o) sum[o] += factor * column[o];
    }
  }
  return y;
}

Rows linear(const Rows& x, const Weights& weights) { return product(x, weights, 0, weights.rows("weight")); }

Rows layer_norm(Rows x, const Weights& weights, double epsilon) {
  const auto width = static_cast<double>(x.width);
  const auto* const weight = weights.values("weight");
  const auto* const bias = weights.values("bias");
  for (int64_t r = 0; r < x.count(); ++r) {
    auto* const row = x.row(r);
    double mean = 0;
    for (int64_t i = 0; i < x.width; ++i) mean += row[i] / width;
    double variance = 0;
    for (int64_t i = 0; i < x.width; ++i) variance += (row[i] - mean) * (row[i] - mean) / width;
    const double scale = 1.0 / std::sqrt(variance + epsilon);
    for (int64_t i = 0; i < x.width; ++i) {
      row[i] = (row[i] - mean) * scale * weight[i] + bias[i];
    }
  }
  return x;
}

void softmax(Row& logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (auto& logit : logits) sum += logit = std::exp(logit - largest);
  for (auto& logit : logits) logit /= sum;
}

// Where a head's numbers lie in rows of query, key and value, and how a token's position changes its logits.
struct Head {
  int64_t query;
  int64_t key;
  int64_t value;
  int64_t width;
  bool rotates;
  double slope;
};

// Rotates the pairs (i, i + half) of one head by the angles of a position (Su et al. 2021).
void rotate(double* numbers, int64_t width, int64_t place) {
  const auto half = width / 2;
  for (int64_t i = 0; i < half; ++i) {
    const double angle =
        static_cast<double>(place) * std::pow(kRotaryBase, -2.0 * static_cast<double>(i) / static_cast<double>(width));
    const double first = numbers[i];
    const double second = numbers[half + i];
    numbers[i] = first * std::cos(angle) - second * std::sin(angle);
    numbers[half + i] = second * std::cos(angle) + first * std::sin(angle);
  }
}

// One head within the tokens [first, last).
void attend(Rows& states, const Head& head, int64_t first, int64_t last, Rows& mixed, int64_t column) {
  for (int64_t t = first; head.rotates && t < last; ++t) {
    rotate(states.row(t) + head.query, head.width, t - first);
    rotate(states.row(t) + head.key, head.width, t - first);
  }
  const double scale = 1.0 / std::sqrt(static_cast<double>(head.width));
  Row weights(static_cast<size_t>(last - first));
  for (int64_t q = first; q < last; ++q) {
    for (int64_t k = first; k < last; ++k) {
      double logit = 0;
      for (int64_t i = 0; i < head.width; ++i) logit += states.row(q)[head.query + i] * states.row(k)[head.key + i];
      weights[static_cast<size_t>(k - first)] = logit * scale - head.slope * std::abs(static_cast<double>(q - k));
    }
    softmax(weights);
    for (int64_t k = first; k < last; ++k) {
      const double weight = weights[static_cast<size_t>(k - first)];
      for (int64_t i = 0; i < head.width; ++i) mixed.row(q)[column + i] += weight * states.row(k)[head.value + i];
    }
  }
}

// states: [tokens, 3 * width], query, key and value side by side.
Rows attention(Rows states, const PackedTokens& sequences, int64_t heads, bool rotates,
               const std::vector<float>& slopes) {
  const auto width = states.width / 3;
  const auto head_width = width / heads;
  Rows mixed(states.count(), width);
  for (int64_t h = 0; h < heads; ++h) {
    const auto column = h * head_width;
    const double slope = slopes.empty() ? 0.0 : slopes[static_cast<size_t>(h)];
    const Head head{column, width + column, 2 * width + column, head_width, rotates, slope};
    for (int64_t s = 0; s < sequences.sequences(); ++s) {
      attend(states, head, sequences.begin(s), sequences.end(s), mixed, column);
    }
  }
  return mixed;
}

Rows embedded(const PackedTokens& sequences, const float* table, int64_t width) {
  Rows rows(static_cast<int64_t>(sequences.tokens.size()), width);
  for (int64_t t = 0; t < rows.count(); ++t) {
    std::copy_n(table + sequences.tokens[static_cast<size_t>(t)] * width, width, rows.row(t));
  }
  return rows;
}

Rows side_by_side(std::initializer_list<Rows> parts) {
  int64_t width = 0;
  for (const auto& part : parts) width += part.width;
  Rows all(parts.begin()->count(), width);
  for (int64_t r = 0; r < all.count(); ++r) {
    auto* to = all.row(r);
    for (const auto& part : parts) to = std::copy_n(part.row(r), part.width, to);
  }
  return all;
}

Rows last_states(const Esm2Architecture& sizes, const Weights& weights, const PackedTokens& sequences) {
  auto hidden = embedded(sequences, weights.values("embed_tokens.weight"), sizes.width);
  hidden.apply([](double x) { return x * kEsm2EmbeddingScale; });
  for (int64_t i = 0; i < sizes.layers; ++i) {
    const auto layer = weights.under("layers." + std::to_string(i));
    const auto normal = layer_norm(hidden, layer.under("attention_norm"), kEsm2Epsilon);
    const auto states = side_by_side({linear(normal, layer.under("query")), linear(normal, layer.under("key")),
                                      linear(normal, layer.under("value"))});
    hidden.add(linear(attention(states, sequences, sizes.heads, true, {}), layer.under("attention_output")));
    auto wide = linear(layer_norm(hidden, layer.under("feed_forward_norm"), kEsm2Epsilon), layer.under("up"));
    wide.apply(gelu);
    hidden.add(linear(wide, layer.under("down")));
  }
  return layer_norm(hidden, weights.under("final_norm"), kEsm2Epsilon);
}

Rows last_states(const DnabertArchitecture& sizes, const Weights& weights, const PackedTokens& sequences) {
  auto hidden = embedded(sequences, weights.values("word_embeddings.weight"), sizes.width);
  const auto* const type = weights.values("token_type_embeddings.weight");
  for (size_t i = 0; i < hidden.values.size(); ++i) hidden.values[i] += type[static_cast<int64_t>(i) % sizes.width];
  const auto epsilon = sizes.layer_norm_epsilon;
  hidden = layer_norm(hidden, weights.under("embedding_norm"), epsilon);
  const auto slopes = alibi_slopes(sizes.heads);
  for (int64_t i = 0; i < sizes.layers; ++i) {
    const auto layer = weights.under("layers." + std::to_string(i));
    const auto states = linear(hidden, layer.under("query_key_value"));
    hidden.add(linear(attention(states, sequences, sizes.heads, false, slopes), layer.under("attention_output")));
    hidden = layer_norm(hidden, layer.under("attention_norm"), epsilon);
    auto wide = product(hidden, layer.under("gated"), 0, sizes.feed_forward);
    const auto up = product(hidden, layer.under("gated"), sizes.feed_forward, sizes.feed_forward);
    wide.apply(gelu);
    for (size_t k = 0; k < wide.values.size(); ++k) wide.values[k] *= up.values[k];
    hidden.add(linear(wide, layer.under("down")));
    hidden = layer_norm(hidden, layer.under("output_norm"), epsilon);
  }
  return hidden;
}

at::Tensor tensor_of(const Rows& rows) {
  return at::from_blob(const_cast<double*>(rows.values.data()), {rows.count(), rows.width}, at::kDouble).clone();
}

}  // namespace

at::Tensor plain_means(const Architecture& architecture, const ParameterMap& parameters,
                       const PackedTokens& sequences) {
  const Weights weights(parameters, "");
  const auto* const esm2 = std::get_if<Esm2Architecture>(&architecture);
  const auto states = esm2 != nullptr ? last_states(*esm2, weights, sequences)
                                      : last_states(std::get<DnabertArchitecture>(architecture), weights, sequences);
  const auto pooled = pooled_tokens(architecture);
  Rows means(sequences.sequences(), states.width);
  for (int64_t s = 0; s < sequences.sequences(); ++s) {
    const auto first = sequences.begin(s) + pooled.skipped_front;
    const auto length = std::min(sequences.end(s) - pooled.skipped_back - first, pooled.max_tokens);
    for (int64_t t = first; t < first + length; ++t) {
      for (int64_t i = 0; i < states.width; ++i) means.row(s)[i] += states.row(t)[i] / static_cast<double>(length);
    }
  }
  return tensor_of(means);
}

at::Tensor plain_scores(const ClassifierArchitecture& architecture, const ParameterMap& parameters,
                        const at::Tensor& features) {
  const Weights weights(parameters, "");
  Rows rows(features.size(0), features.size(1));
  std::copy_n(features.const_data_ptr<float>(), features.numel(), rows.values.data());
  auto hidden = linear(rows, weights.under("hidden"));
  const auto norm = weights.under("norm");
  const auto* const mean = norm.values("running_mean");
  const auto* const variance = norm.values("running_var");
  const auto* const weight = norm.values("weight");
  const auto* const bias = norm.values("bias");
  for (int64_t r = 0; r < hidden.count(); ++r) {
    for (int64_t i = 0; i < hidden.width; ++i) {
      const double normal = (hidden.row(r)[i] - mean[i]) / std::sqrt(variance[i] + architecture.batch_norm_epsilon);
      hidden.row(r)[i] = std::max(0.0, normal * weight[i] + bias[i]);
    }
  }
  auto scores = linear(hidden, weights.under("output"));
  for (int64_t r = 0; r < scores.count(); ++r) {
    Row row(scores.row(r), scores.row(r) + scores.width);
    softmax(row);
    std::copy(row.begin(), row.end(), scores.row(r));
  }
  return tensor_of(scores);
}

}  // namespace virnucpro
