#pragma once

#include <memory>
#include <string>

#include "device/devices.h"
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
  ModelPart dna;
  ModelPart protein;
  ModelPart classifier;
};

inline constexpr uint8_t kDnaFault = 1;
inline constexpr uint8_t kProteinFault = 2;

struct BatchScores {
  at::Tensor scores;  // [frames, 2] float32, host
  // [frames]: 0 sound; kDnaFault or kProteinFault: an embedding that holds a value that is no finite number.
  std::vector<uint8_t> faults;
  at::Tensor embeddings;  // [frames, dna width + protein width] float32, host; undefined unless asked for
  double dna_seconds = 0;
  double protein_seconds = 0;
  double classifier_seconds = 0;
};

struct SequenceEmbeddings {
  at::Tensor mean;                 // [sequences, width] float32, host
  std::vector<at::Tensor> layers;  // [tokens, width] float32, host
};

enum class LanguageModel { kDna, kProtein };

// The three models of a pipeline on one device. Belongs to the thread that made it.
class PipelineModels {
 public:
  explicit PipelineModels(const OpenRequest& request);

  BatchScores score(const PackedTokens& dna, const PackedTokens& protein, bool embeddings);
  SequenceEmbeddings embed(LanguageModel model, const PackedTokens& sequences, bool layers);
  // features [rows, inputs] -> [rows, 2] float32, host. Throws kArgument unless it holds whole rows.
  at::Tensor classify(std::vector<float>& features);
  int64_t weight_bytes() const;

 private:
  // As `embed`, the mean alone; what it throws carries the part's name.
  at::Tensor mean_of(const char* part, Encoder& encoder, const Architecture& architecture,
                     const PackedTokens& sequences);
  // On the device. Throws kArgument for tokens that the model cannot take.
  SequenceEmbeddings embed(Encoder& encoder, const Architecture& architecture, const PackedTokens& sequences,
                           bool layers);

  at::Device device_;
  Architecture dna_architecture_;
  Architecture protein_architecture_;
  std::unique_ptr<Encoder> dna_;
  std::unique_ptr<Encoder> protein_;
  Classifier classifier_;
};

}  // namespace virnucpro
