#include "binding/worker_jobs.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace virnucpro {

namespace {

Napi::Float32Array float_array(Napi::Env env, const at::Tensor& tensor) {
  const auto values = tensor.contiguous();
  auto array = Napi::Float32Array::New(env, static_cast<size_t>(values.numel()));
  if (values.numel() > 0) std::memcpy(array.Data(), values.data_ptr<float>(), values.nbytes());
  return array;
}

// Of the tensor's own memory: a copy of some megabytes would hold up the JavaScript thread.
Napi::Float32Array float_array_over(Napi::Env env, const at::Tensor& tensor) {
  constexpr size_t kSmallBytes = size_t{1} << 16;
  if (tensor.nbytes() <= kSmallBytes) return float_array(env, tensor);
  auto owner = std::make_unique<at::Tensor>(tensor);
  const auto let_go = [](Napi::BasicEnv, void*, at::Tensor* owned) { const std::unique_ptr<at::Tensor> last(owned); };
  auto memory = Napi::ArrayBuffer::New(env, owner->mutable_data_ptr(), owner->nbytes(), let_go, owner.get());
  static_cast<void>(owner.release());
  return Napi::Float32Array::New(env, static_cast<size_t>(tensor.numel()), memory, 0);
}

// One array for each layer.
Napi::Array layer_list(Napi::Env env, const std::vector<at::Tensor>& layers) {
  auto list = Napi::Array::New(env);
  for (size_t i = 0; i < layers.size(); ++i) list.Set(static_cast<uint32_t>(i), float_array_over(env, layers[i]));
  return list;
}

const char* name_of(Pool pool) {
  switch (pool) {
    case Pool::kMean:
      return "mean";
    case Pool::kCls:
      return "cls";
    case Pool::kMax:
      return "max";
    default:
      return "tokens";
  }
}

Napi::Value scores_value(Napi::Env env, const BatchScores& result) {
  auto value = Napi::Object::New(env);
  auto seconds = Napi::Object::New(env);
  seconds.Set("dna", result.dna_seconds);
  seconds.Set("protein", result.protein_seconds);
  seconds.Set("classifier", result.classifier_seconds);
  value.Set("scores", float_array(env, result.scores));
  value.Set("seconds", seconds);
  auto faults = Napi::Uint8Array::New(env, static_cast<size_t>(result.faults.numel()));
  std::copy_n(result.faults.const_data_ptr<uint8_t>(), result.faults.numel(), faults.Data());
  value.Set("faults", faults);
  if (result.embeddings.defined()) value.Set("embeddings", float_array(env, result.embeddings));
  return value;
}

Napi::Value embeddings_value(Napi::Env env, const EmbedOptions& options, const SequenceEmbeddings& result) {
  auto value = Napi::Object::New(env);
  for (size_t i = 0; i < options.pools.size(); ++i) {
    value.Set(name_of(options.pools[i]), layer_list(env, result.states[i]));
  }
  if (options.measure) {
    auto seconds = Napi::Object::New(env);
    seconds.Set("total", result.seconds);
    seconds.Set("linear", result.linear_seconds);
    seconds.Set("attention", result.attention_seconds);
    value.Set("seconds", seconds);
    value.Set("attentionBackend", result.attention_backend);
  }
  return value;
}

Napi::Value measurement_value(Napi::Env env, const LinearMeasurement& result) {
  auto value = Napi::Object::New(env);
  value.Set("seconds", result.seconds);
  value.Set("operations", result.operations);
  return value;
}

}  // namespace

ScoreJob::ScoreJob(std::shared_ptr<Completion> completion, PackedTokens dna, PackedTokens protein, bool embeddings)
    : PromisedJob(std::move(completion)), dna_(std::move(dna)), protein_(std::move(protein)), embeddings_(embeddings) {}

void ScoreJob::start(WorkerModels& models) { pending_ = models.score(dna_, protein_, embeddings_); }

void ScoreJob::wait() { result_ = std::exchange(pending_, nullptr)(); }

void ScoreJob::deliver() {
  resolve([result = std::move(result_)](Napi::Env env) { return scores_value(env, result); });
}

EmbedJob::EmbedJob(std::shared_ptr<Completion> completion, LanguageModel model, PackedTokens sequences,
                   EmbedOptions options)
    : PromisedJob(std::move(completion)),
      model_(model),
      sequences_(std::move(sequences)),
      options_(std::move(options)) {}

void EmbedJob::start(WorkerModels& models) { pending_ = models.embed(model_, sequences_, options_); }

void EmbedJob::wait() { result_ = std::exchange(pending_, nullptr)(); }

void EmbedJob::deliver() {
  resolve([options = options_, result = std::move(result_)](Napi::Env env) {
    return embeddings_value(env, options, result);
  });
}

MeasureLinearJob::MeasureLinearJob(std::shared_ptr<Completion> completion, LanguageModel model, int64_t rows)
    : PromisedJob(std::move(completion)), model_(model), rows_(rows) {}

void MeasureLinearJob::start(WorkerModels& models) { result_ = models.measure_linear(model_, rows_); }

void MeasureLinearJob::deliver() {
  resolve([result = result_](Napi::Env env) { return measurement_value(env, result); });
}

ClassifyJob::ClassifyJob(std::shared_ptr<Completion> completion, std::vector<float> features)
    : PromisedJob(std::move(completion)), features_(std::move(features)) {}

void ClassifyJob::start(WorkerModels& models) { result_ = models.classify(features_); }

void ClassifyJob::deliver() {
  resolve([result = std::move(result_)](Napi::Env env) { return float_array(env, result); });
}

}  // namespace virnucpro
