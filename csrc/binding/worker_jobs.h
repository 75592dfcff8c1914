#pragma once

#include <napi.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "binding/completion.h"
#include "device/job.h"
#include "device/worker_models.h"

namespace virnucpro {

// A job that settles a promise. `deliver` and `fail` only send; the JavaScript value is made from the result on the
// JavaScript thread.
class PromisedJob : public Job {
 public:
  explicit PromisedJob(std::shared_ptr<Completion> completion) : completion_(std::move(completion)) {}

  // For jobs whose `start` returns only once the device has finished.
  void wait() override {}
  void fail(const std::exception_ptr& reason) final { completion_->reject(reason); }

 protected:
  void resolve(Completion::MakeValue make_value) { completion_->resolve(std::move(make_value)); }

 private:
  std::shared_ptr<Completion> completion_;
};

// The job of `NativeWorker.run`: scores a batch.
class ScoreJob final : public PromisedJob {
 public:
  ScoreJob(std::shared_ptr<Completion> completion, PackedTokens dna, PackedTokens protein, bool embeddings);
  void start(WorkerModels& models) override;
  void wait() override;
  void deliver() override;

 private:
  const PackedTokens dna_;
  const PackedTokens protein_;
  const bool embeddings_;
  std::function<BatchScores()> pending_;
  BatchScores result_;
};

// The job of `NativeWorker.embed`: the embeddings of one language model.
class EmbedJob final : public PromisedJob {
 public:
  EmbedJob(std::shared_ptr<Completion> completion, LanguageModel model, PackedTokens sequences, EmbedOptions options);
  void start(WorkerModels& models) override;
  void wait() override;
  void deliver() override;

 private:
  const LanguageModel model_;
  const PackedTokens sequences_;
  const EmbedOptions options_;
  std::function<SequenceEmbeddings()> pending_;
  SequenceEmbeddings result_;
};

// The job of `NativeWorker.measureLinear`: times a model's linear layers alone.
class MeasureLinearJob final : public PromisedJob {
 public:
  MeasureLinearJob(std::shared_ptr<Completion> completion, LanguageModel model, int64_t rows);
  void start(WorkerModels& models) override;
  void deliver() override;

 private:
  const LanguageModel model_;
  const int64_t rows_;
  LinearMeasurement result_;
};

// The job of `NativeWorker.classify`: the classifier alone.
class ClassifyJob final : public PromisedJob {
 public:
  ClassifyJob(std::shared_ptr<Completion> completion, std::vector<float> features);
  void start(WorkerModels& models) override;
  void deliver() override;

 private:
  const std::vector<float> features_;
  at::Tensor result_;
};

}  // namespace virnucpro
