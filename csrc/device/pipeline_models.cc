#include "device/pipeline_models.h"

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "device/milestone.h"
#include "device/own_kernels.h"
#include "error.h"
#include "known_answer/known_answer.h"
#include "model/host_memory.h"
#include "model/parameters.h"
#include "model/shared_encoder.h"
#include "model/thread_team.h"

namespace virnucpro {

namespace {

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

// [frames] uint8: see BatchScores.
at::Tensor faults_of(const at::Tensor& dna_mean, const at::Tensor& protein_mean) {
  const auto unsound = [](const at::Tensor& means) { return at::isfinite(means).all(1).logical_not_(); };
  auto faults = unsound(protein_mean).to(at::kByte).mul_(kProteinFault);
  return faults.masked_fill_(unsound(dna_mean), kDnaFault);
}

// On the CPU more tokens at a time are no faster, and their activations no longer fit the memory that the allocator
// keeps: it takes them from the system, page by page, in every layer anew (bench/results).
constexpr int64_t kCpuTokensAtOnce = 2048;

// Calls `work` with all sequences in their order, at least one a time.
void for_each_piece(const PackedTokens& sequences, int64_t tokens_at_once,
                    const std::function<void(const PackedTokens&)>& work) {
  for (int64_t first = 0; first < sequences.sequences();) {
    auto last = first + 1;
    while (last < sequences.sequences() && sequences.end(last) - sequences.begin(first) <= tokens_at_once) ++last;
    work(sequences.slice(first, last));
    first = last;
  }
}

using PartOfRequest = std::optional<ModelPart> OpenRequest::*;
constexpr std::array<PartOfRequest, 3> kParts{&OpenRequest::dna, &OpenRequest::protein, &OpenRequest::classifier};

int64_t archive_bytes_of(const OpenRequest& request) {
  int64_t bytes = 0;
  for (const auto part : kParts) bytes += request.*part ? archive_bytes((request.*part)->path) : 0;
  return bytes;
}

// What the parameters take without what a layout adds to them: known before anything is loaded.
int64_t least_weight_bytes(const OpenRequest& request) {
  int64_t bytes = 0;
  for (const auto part : kParts) {
    if (!(request.*part)) continue;
    const auto& architecture = (request.*part)->architecture;
    const auto dtype = std::holds_alternative<ClassifierArchitecture>(architecture) ? at::kFloat : request.dtype;
    for (const auto& [name, shape] : parameters_of(architecture)) {
      bytes += c10::multiply_integers(shape) * static_cast<int64_t>(c10::elementSize(dtype));
    }
  }
  return bytes;
}

std::vector<Architecture> language_models(const OpenRequest& request) {
  std::vector<Architecture> all;
  for (const auto* part : {&request.dna, &request.protein}) {
    if (*part) all.push_back((*part)->architecture);
  }
  return all;
}

Placement placement_of(const OpenRequest& request, const Tell& tell) {
  const auto usable = usable_device(request.device);
  Placement placement{usable.device, request.dtype, usable.bf16};
  if (request.engine == EngineKind::kPacked) {
    placement.kernels = open_own_kernels(usable.device, request.dtype, language_models(request), tell);
  }
  return placement;
}

const char* name_of(LanguageModel model) { return model == LanguageModel::kDna ? "dna" : "protein"; }

[[noreturn]] void not_loaded(const char* part) {
  throw Error(code::kArgument,
              std::string("Expected a worker that was opened with `") + part + "` but this one has none");
}

}  // namespace

PipelineModels::PipelineModels(const OpenRequest& request, MemoryMeter& memory, StageTracker& stages,
                               const Tell& tell)
    : stages_(stages), placement_(placement_of(request, tell)) {
  memory.limit(placement_.device);
  memory.expect_room_for(least_weight_bytes(request));
  // Before the models are loaded, which takes a minute where this takes milliseconds.
  for (const auto part : kParts) {
    request.cancellation->expect_wanted();
    if (request.*part) expect_known_answer((request.*part)->architecture, request.engine, placement_);
  }
  LoadingProgress progress([&](int64_t done, int64_t total) { tell(LoadingMessage{done, total}); },
                           archive_bytes_of(request), *request.cancellation);
  dna_ = load(request.dna, request.engine, progress);
  protein_ = load(request.protein, request.engine, progress);
  if (request.classifier) {
    const auto& [path, architecture] = *request.classifier;
    progress.next_archive(archive_bytes(path));
    const auto parameters = read_parameters(read_module(path, progress), architecture, path);
    classifier_.emplace(parameters, std::get<ClassifierArchitecture>(architecture), placement_.device);
  }
  memory.loaded(placement_.device, weight_bytes());
  progress.finish();
}

PipelineModels::Part PipelineModels::load(const std::optional<ModelPart>& part, EngineKind engine,
                                          LoadingProgress& progress) const {
  if (!part) return {};
  progress.next_archive(archive_bytes(part->path));
  return {part->architecture, shared_encoder(part->path, part->architecture, placement_, engine, progress)};
}

const PipelineModels::Part& PipelineModels::part_of(LanguageModel model) const {
  const auto& part = model == LanguageModel::kDna ? dna_ : protein_;
  if (!part.encoder) not_loaded(name_of(model));
  return part;
}

const Classifier& PipelineModels::classifier() const {
  if (!classifier_) not_loaded("classifier");
  return *classifier_;
}

at::Tensor PipelineModels::mean_of(LanguageModel model, const PackedTokens& sequences, ForwardTrace* trace) const {
  const Part& part = part_of(model);
  const auto [vocabulary, width, states] = sizes(part.architecture);
  const auto pooled = pooled_tokens(part.architecture);
  sequences.check(vocabulary, pooled.shortest_sequence());
  if (sequences.sequences() == 0) {
    // Nothing of nothing, whatever an engine would make of it.
    auto nothing = at::empty({0, width}, at::TensorOptions(placement_.device).dtype(at::kFloat));
    if (trace != nullptr && trace->keep_layers) trace->layers.assign(states, nothing);
    return nothing;
  }
  if (trace != nullptr && (trace->keep_layers || trace->measure_parts) && part.encoder->linear_layers().empty()) {
    throw Error(code::kArgument, "Expected the packed engine for `layers` and `measure` but received torchscript");
  }
  // The states of a layer are those of the whole batch.
  const bool whole = !placement_.device.is_cpu() || (trace != nullptr && trace->keep_layers);
  std::vector<at::Tensor> means;
  for_each_piece(sequences, whole ? INT64_MAX : kCpuTokensAtOnce, [&](const PackedTokens& piece) {
    means.push_back(mean_embedding(part.encoder->forward(piece, trace), piece, pooled, placement_));
    if (placement_.device.is_cpu()) expect_whole_team();
  });
  return at::cat(means);
}

std::function<BatchScores()> PipelineModels::score(const PackedTokens& dna, const PackedTokens& protein,
                                                   bool embeddings) {
  if (dna.sequences() != protein.sequences()) {
    throw Error(code::kArgument, "Expected as many DNA as protein sequences for a batch but received " +
                                     std::to_string(dna.sequences()) + " and " + std::to_string(protein.sequences()));
  }
  const auto& scores_of = classifier();
  const auto mean = [&](LanguageModel model, const PackedTokens& sequences) {
    try {
      return mean_of(model, sequences, nullptr);
    } catch (...) {
      throw PartFailure(name_of(model), std::current_exception());
    }
  };
  const auto job = std::make_shared<StageTracker::Job>(stages_, LanguageModel::kDna);
  const Milestone start(placement_.device);
  const auto dna_mean = mean(LanguageModel::kDna, dna);
  const Milestone dna_done(placement_.device);
  job->turns_at(dna_done);
  const auto protein_mean = mean(LanguageModel::kProtein, protein);
  const Milestone protein_done(placement_.device);
  const auto features = at::cat({dna_mean, protein_mean}, 1);
  BatchScores result;
  result.scores = to_host(scores_of(features));
  result.faults = to_host(faults_of(dna_mean, protein_mean));
  if (embeddings) result.embeddings = to_host(features);
  const Milestone done(placement_.device);
  job->ends_at(done);
  return [job, result, start, dna_done, protein_done, done]() mutable {
    done.wait();
    result.dna_seconds = dna_done.seconds_since(start);
    result.protein_seconds = protein_done.seconds_since(dna_done);
    result.classifier_seconds = done.seconds_since(protein_done);
    return result;
  };
}

SequenceEmbeddings PipelineModels::embed(LanguageModel model, const PackedTokens& sequences,
                                         const EmbedOptions& options) {
  const StageTracker::Job job(stages_, model);
  SequenceEmbeddings result;
  result.trace.keep_layers = options.layers;
  result.trace.measure_parts = options.measure;
  const Milestone start(placement_.device);
  result.mean = mean_of(model, sequences, &result.trace).cpu();
  const Milestone done(placement_.device);
  done.wait();
  result.seconds = done.seconds_since(start);
  for (auto& layer : result.trace.layers) layer = layer.cpu();
  return result;
}

LinearMeasurement PipelineModels::measure_linear(LanguageModel model, int64_t rows) {
  const auto& encoder = *part_of(model).encoder;
  const StageTracker::Job job(stages_, model);
  const auto at_once = placement_.device.is_cpu() ? kCpuTokensAtOnce : rows;
  LinearMeasurement all;
  for (int64_t first = 0; first < rows; first += at_once) {
    const auto piece = virnucpro::measure_linear(encoder, std::min(at_once, rows - first), placement_);
    all.seconds += piece.seconds;
    all.operations += piece.operations;
  }
  return all;
}

at::Tensor PipelineModels::classify(std::vector<float>& features) {
  const auto inputs = classifier().inputs();
  const auto count = static_cast<int64_t>(features.size());
  if (count % inputs != 0) {
    throw Error(code::kArgument, "Expected rows of " + std::to_string(inputs) + " values for `features` but received " +
                                     std::to_string(count) + " values");
  }
  const auto rows = at::from_blob(features.data(), {count / inputs, inputs}, at::kFloat);
  return classifier()(rows.to(placement_.device)).cpu();
}

int64_t PipelineModels::weight_bytes() const {
  int64_t bytes = classifier_ ? classifier_->weight_bytes() : 0;
  for (const auto* part : {&dna_, &protein_}) bytes += part->encoder ? part->encoder->weight_bytes() : 0;
  return bytes;
}

}  // namespace virnucpro
