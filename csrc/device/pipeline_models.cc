#include "device/pipeline_models.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <chrono>

#include "error.h"

namespace virnucpro {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct EncoderSizes {
  int64_t vocabulary;
  int64_t width;
  size_t states;  // after the embedding and after every layer
};

EncoderSizes sizes(const Architecture& architecture) {
  const auto of = [](const auto& encoder) {
    return EncoderSizes{encoder.vocabulary, encoder.width, static_cast<size_t>(encoder.layers) + 1};
  };
  if (const auto* esm2 = std::get_if<Esm2Architecture>(&architecture)) return of(*esm2);
  return of(std::get<DnabertArchitecture>(architecture));
}

void mark_faults(const at::Tensor& means, uint8_t fault, std::vector<uint8_t>& faults) {
  const auto sound = at::isfinite(means).all(1).cpu();
  for (size_t i = 0; i < faults.size(); ++i) {
    if (!sound.data_ptr<bool>()[i]) faults[i] = fault;
  }
}

std::unique_ptr<Encoder> encoder(const ModelPart& part, const OpenRequest& request, at::Device device) {
  return make_encoder(part.path, part.architecture, {device, request.dtype}, request.engine);
}

}  // namespace

PipelineModels::PipelineModels(const OpenRequest& request)
    : device_(usable_device(request.device)),
      dna_architecture_(request.dna.architecture),
      protein_architecture_(request.protein.architecture),
      dna_(encoder(request.dna, request, device_)),
      protein_(encoder(request.protein, request, device_)),
      classifier_(request.classifier.path, std::get<ClassifierArchitecture>(request.classifier.architecture), device_) {
}

SequenceEmbeddings PipelineModels::embed(Encoder& encoder, const Architecture& architecture,
                                         const PackedTokens& sequences, bool layers) {
  const auto [vocabulary, width, states] = sizes(architecture);
  const auto pooled = pooled_tokens(architecture);
  sequences.check(vocabulary, pooled.shortest_sequence());
  SequenceEmbeddings result;
  if (sequences.sequences() == 0) {
    // Nothing of nothing, whatever an engine would make of it.
    result.mean = at::empty({0, width}, at::TensorOptions(device_).dtype(at::kFloat));
    if (layers) result.layers.assign(states, result.mean);
    return result;
  }
  const auto hidden = encoder.forward(sequences, layers ? &result.layers : nullptr);
  result.mean = mean_embedding(hidden, sequences, pooled);
  if (layers && result.layers.empty()) {
    throw Error(code::kArgument, "Expected the packed engine for `layers` but received torchscript");
  }
  return result;
}

at::Tensor PipelineModels::mean_of(const char* part, Encoder& encoder, const Architecture& architecture,
                                   const PackedTokens& sequences) {
  try {
    return embed(encoder, architecture, sequences, false).mean;
  } catch (...) {
    throw PartFailure(part, std::current_exception());
  }
}

BatchScores PipelineModels::score(const PackedTokens& dna, const PackedTokens& protein, bool embeddings) {
  if (dna.sequences() != protein.sequences()) {
    throw Error(code::kArgument, "Expected as many DNA as protein sequences for a batch but received " +
                                     std::to_string(dna.sequences()) + " and " + std::to_string(protein.sequences()));
  }
  BatchScores result;
  auto start = Clock::now();
  const auto dna_mean = mean_of("dna", *dna_, dna_architecture_, dna);
  result.dna_seconds = seconds_since(start);
  start = Clock::now();
  const auto protein_mean = mean_of("protein", *protein_, protein_architecture_, protein);
  result.protein_seconds = seconds_since(start);
  start = Clock::now();
  const auto features = at::cat({dna_mean, protein_mean}, 1);
  result.scores = classifier_(features).cpu();
  if (embeddings) result.embeddings = features.cpu();
  result.faults.resize(static_cast<size_t>(dna.sequences()));
  mark_faults(protein_mean, kProteinFault, result.faults);
  mark_faults(dna_mean, kDnaFault, result.faults);
  result.classifier_seconds = seconds_since(start);
  return result;
}

SequenceEmbeddings PipelineModels::embed(LanguageModel model, const PackedTokens& sequences, bool layers) {
  auto result = model == LanguageModel::kDna ? embed(*dna_, dna_architecture_, sequences, layers)
                                             : embed(*protein_, protein_architecture_, sequences, layers);
  result.mean = result.mean.cpu();
  for (auto& layer : result.layers) layer = layer.cpu();
  return result;
}

at::Tensor PipelineModels::classify(std::vector<float>& features) {
  const auto inputs = classifier_.inputs();
  const auto count = static_cast<int64_t>(features.size());
  if (count % inputs != 0) {
    throw Error(code::kArgument, "Expected rows of " + std::to_string(inputs) + " values for `features` but received " +
                                     std::to_string(count) + " values");
  }
  const auto rows = at::from_blob(features.data(), {count / inputs, inputs}, at::kFloat);
  return classifier_(rows.to(device_)).cpu();
}

int64_t PipelineModels::weight_bytes() const {
  return dna_->weight_bytes() + protein_->weight_bytes() + classifier_.weight_bytes();
}

}  // namespace virnucpro
