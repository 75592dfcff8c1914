#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "archive/loading_progress.h"
#include "device/devices.h"
#include "device/memory_meter.h"
#include "device/progress.h"
#include "device/worker_message.h"
#include "model/classifier.h"
#include "model/encoder.h"

namespace virnucpro {

struct ModelPart {
  std::string path;
  Architecture architecture;
};

struct OpenRequest {
  std::string device;
  at::ScalarType dtype = at::kFloat;
  int threads = 1;
  EngineKind engine = EngineKind::kPacked;
  std::optional<int64_t> max_memory;  // bytes, weights included
  double deadline = 120;              // seconds, see DeviceStream
  std::optional<ModelPart> dna;
  std::optional<ModelPart> protein;
  std::optional<ModelPart> classifier;
  // Ends the loading.
  std::shared_ptr<Cancellation> cancellation = std::make_shared<Cancellation>();
};

inline constexpr uint8_t kDnaFault = 1;
inline constexpr uint8_t kProteinFault = 2;

struct BatchScores {
  at::Tensor scores;  // [frames, 2] float32, host
  // [frames] uint8, host: 0 sound; kDnaFault or kProteinFault: an embedding that holds a value that is no finite
  // number.
  at::Tensor faults;
  at::Tensor embeddings;  // [frames, dna width + protein width] float32, host; undefined unless asked for
  double dna_seconds = 0;
  double protein_seconds = 0;
  double classifier_seconds = 0;
};

struct SequenceEmbeddings {
  at::Tensor mean;  // [sequences, width] float32, host
  // Its layers, too, are on the host.
  ForwardTrace trace;
  double seconds = 0;
};

struct EmbedOptions {
  bool layers = false;
  bool measure = false;
};

// The models of a pipeline on one device. Belongs to the thread that made it, but for the weights, which others may use
// too. A call that needs a model that was not asked for throws kArgument.
class PipelineModels {
 public:
  // `memory` and `progress` are kept up to date and must outlive it. Throws kMemory when the weights leave no room
  // within the memory that was allowed, and kAborted where the request is cancelled meanwhile.
  PipelineModels(const OpenRequest& request, MemoryMeter& memory, ProgressTracker& progress, const Emit& emit);

  // Gives the batch to the device; what comes back waits until the device is through with it.
  std::function<BatchScores()> score(const PackedTokens& dna, const PackedTokens& protein, bool embeddings);
  // Whether the device works behind the thread's back.
  bool works_ahead() const { return !placement_.device.is_cpu(); }
  SequenceEmbeddings embed(LanguageModel model, const PackedTokens& sequences, const EmbedOptions& options);
  LinearMeasurement measure_linear(LanguageModel model, int64_t rows);
  // features [rows, inputs] -> [rows, 2] float32, host. Throws kArgument unless it holds whole rows.
  at::Tensor classify(const std::vector<float>& features);
  int64_t weight_bytes() const;
  at::Device device() const { return placement_.device; }

 private:
  struct Part {
    Architecture architecture;
    std::shared_ptr<const Encoder> encoder;  // null: was not asked for
  };

  Part load(const std::optional<ModelPart>& part, EngineKind engine, LoadingProgress& progress) const;
  const Part& part_of(LanguageModel model) const;
  // Sequences that were checked, cut into what one model computes at a time.
  struct Work {
    LanguageModel model;
    std::vector<PackedTokens> pieces;
  };

  // Throws kArgument for tokens that the model cannot take. `whole`: in one piece.
  Work work_for(LanguageModel model, const PackedTokens& sequences, bool whole) const;
  std::vector<Stretch> plan_of(const Work& work) const;
  // [sequences, width] float32 on the device.
  at::Tensor mean_of(const Work& work, ProgressTracker::Job& job, ForwardTrace* trace) const;
  const Classifier& classifier() const;

  ProgressTracker& progress_;
  Placement placement_;
  Part dna_;
  Part protein_;
  std::optional<Classifier> classifier_;
};

}  // namespace virnucpro
