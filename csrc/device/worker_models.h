#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/loading_progress.h"
#include "device/devices.h"
#include "device/layer_states.h"
#include "device/memory_meter.h"
#include "device/open_request.h"
#include "device/progress.h"
#include "device/worker_message.h"
#include "model/classifier.h"
#include "model/encoder.h"

namespace virnucpro {

inline constexpr uint8_t kDnaFault = 1;
inline constexpr uint8_t kProteinFault = 2;

struct BatchScores {
  at::Tensor scores;  // [frames, 2] float32, host
  // [frames] uint8, host: 0 if sound; kDnaFault or kProteinFault if that embedding holds a value that is not finite.
  at::Tensor faults;
  at::Tensor embeddings;  // [frames, dna width + protein width] float32, host; undefined unless asked for
  double dna_seconds = 0;
  double protein_seconds = 0;
  double classifier_seconds = 0;
};

struct SequenceEmbeddings {
  // For each pool and layer, [sequences, width] float32, or [tokens, width] for kTokens, host. Contiguous, and in
  // memory that the worker's limit does not count: JavaScript keeps it for as long as it likes.
  std::vector<std::vector<at::Tensor>> states;
  double seconds = 0;
  // What the forward passes measured, see ForwardTrace.
  double linear_seconds = 0;
  double attention_seconds = 0;
  const char* attention_backend = "";
};

// The models of a worker, on its device. Belongs to the thread that made it; only the weights may be used by others
// too. A call that needs a model that was not requested throws kArgument.
class WorkerModels {
 public:
  // `memory` and `progress` are kept up to date and must outlive it. Throws kMemory if the weights leave no room within
  // the allowed memory, and kAborted if the request is cancelled meanwhile.
  WorkerModels(const OpenRequest& request, MemoryMeter& memory, ProgressTracker& progress, const Emit& emit);

  // Gives the batch to the device; the returned function waits until the device has finished it.
  std::function<BatchScores()> score(const PackedTokens& dna, const PackedTokens& protein, bool embeddings);
  // Whether the device works asynchronously.
  bool works_ahead() const { return !placement_.device.is_cpu(); }
  // As `score` does. Throws kArgument for layers that the model does not have, and for what the engine cannot give:
  // TorchScript's has the last layer only, and measures nothing.
  std::function<SequenceEmbeddings()> embed(LanguageModel model, const PackedTokens& sequences,
                                            const EmbedOptions& options);
  LinearMeasurement measure_linear(LanguageModel model, int64_t rows);
  // features [rows, inputs] -> [rows, 2] float32, host. Throws kArgument unless it holds whole rows.
  at::Tensor classify(const std::vector<float>& features);
  int64_t weight_bytes() const;
  at::Device device() const { return placement_.device; }

 private:
  struct Part {
    Architecture architecture;
    std::shared_ptr<const Encoder> encoder;  // null: not requested
  };

  Part load(const std::optional<ModelPart>& part, EngineKind engine, LoadingProgress& progress) const;
  const Part& part_of(LanguageModel model) const;
  // Checked sequences, cut into the pieces that a model computes at a time.
  struct Work {
    LanguageModel model;
    std::vector<PackedTokens> pieces;
  };

  // Throws kArgument for tokens that the model does not accept.
  Work work_for(LanguageModel model, const PackedTokens& sequences) const;
  // `last_layer`: as in ForwardTrace.
  std::vector<Stretch> plan_of(const Work& work, int64_t last_layer = INT64_MAX) const;
  // Runs the encoder on the next piece of the job. [tokens, width] float32 on the device.
  at::Tensor forward(LanguageModel model, const PackedTokens& piece, ProgressTracker::Job& job,
                     ForwardTrace* trace) const;
  // [sequences, width] float32 on the device.
  at::Tensor mean_of(const Work& work, ProgressTracker::Job& job) const;
  void check(LanguageModel model, const EmbedOptions& options) const;
  const Classifier& classifier() const;

  ProgressTracker& progress_;
  Placement placement_;
  Part dna_;
  Part protein_;
  std::optional<Classifier> classifier_;
};

}  // namespace virnucpro
