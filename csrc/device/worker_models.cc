#include "device/worker_models.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "archive/archive_reader.h"
#include "archive/parameters.h"
#include "device/cpu_memory.h"
#include "device/open_cuda_kernels.h"
#include "error.h"
#include "known_answer/known_answer.h"
#include "model/host_memory.h"
#include "model/pooling.h"
#include "model/shared_encoder.h"
#include "stream/device_stream.h"
#include "thread_team.h"

namespace virnucpro {

namespace {

struct EncoderSizes {
  int64_t vocabulary;
  int64_t width;
  int64_t layers;
  int64_t weights;  // in the matrices of a layer
};

EncoderSizes sizes(const Architecture& architecture) {
  const auto of = [](const auto& encoder, int64_t feed_forward_matrices) {
    const auto weights = encoder.width * (4 * encoder.width + feed_forward_matrices * encoder.feed_forward);
    return EncoderSizes{encoder.vocabulary, encoder.width, encoder.layers, weights};
  };
  if (const auto* esm2 = std::get_if<Esm2Architecture>(&architecture)) return of(*esm2, 2);
  return of(std::get<DnabertArchitecture>(architecture), 3);
}

// Multiplications of one layer: its matrices, and queries times keys and weights times values within each sequence.
double multiplications(const EncoderSizes& encoder, const PackedTokens& sequences) {
  double pairs = 0;
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    const auto length = static_cast<double>(sequences.end(i) - sequences.begin(i));
    pairs += length * length;
  }
  const auto tokens = static_cast<double>(sequences.tokens.size());
  return tokens * static_cast<double>(encoder.weights) + 2 * pairs * static_cast<double>(encoder.width);
}

// [frames] uint8: see BatchScores.
at::Tensor faults_of(const at::Tensor& dna_mean, const at::Tensor& protein_mean) {
  const auto unsound = [](const at::Tensor& means) { return at::isfinite(means).all(1).logical_not_(); };
  auto faults = unsound(protein_mean).to(at::kByte).mul_(kProteinFault);
  return faults.masked_fill_(unsound(dna_mean), kDnaFault);
}

// On the CPU more tokens at a time are no faster, and their activations outgrow the memory that the allocator keeps: it
// takes them from the system, page by page, again in every layer (bench/results).
constexpr int64_t kCpuTokensAtOnce = 2048;

// All sequences in order, at least one per piece.
std::vector<PackedTokens> pieces_of(const PackedTokens& sequences, int64_t tokens_at_once) {
  std::vector<PackedTokens> pieces;
  for (int64_t first = 0; first < sequences.sequences();) {
    auto last = first + 1;
    while (last < sequences.sequences() && sequences.end(last) - sequences.begin(first) <= tokens_at_once) ++last;
    pieces.push_back(sequences.slice(first, last));
    first = last;
  }
  return pieces;
}

using PartOfRequest = std::optional<ModelPart> OpenRequest::*;
constexpr std::array<PartOfRequest, 3> kParts{&OpenRequest::dna, &OpenRequest::protein, &OpenRequest::classifier};

int64_t archive_bytes_of(const OpenRequest& request) {
  int64_t bytes = 0;
  for (const auto part : kParts) bytes += request.*part ? archive_bytes((request.*part)->path) : 0;
  return bytes;
}

// What the parameters take, without what a layout adds: known before anything is loaded.
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

Placement placement_of(const OpenRequest& request, MemoryMeter& memory, const Emit& emit) {
  const auto usable = usable_device(request.device);
  memory.limit(usable.device);
  Placement placement{usable.device, request.dtype, usable.bf16};
  if (request.engine == EngineKind::kPacked) {
    placement.kernels =
        open_cuda_kernels(usable.device, usable.capability, request.dtype, language_models(request), emit);
  }
  return placement;
}

// A copy that no worker's memory counts.
at::Tensor uncounted(const at::Tensor& values) {
  const BudgetScope nobody(nullptr);
  return values.clone();
}

const char* name_of(LanguageModel model) { return model == LanguageModel::kDna ? "dna" : "protein"; }

// Returns the result of `compute`; wraps what it throws with the name of the part.
template <typename Compute>
auto of_part(LanguageModel model, Compute compute) {
  try {
    return compute();
  } catch (...) {
    throw PartFailure(name_of(model), std::current_exception());
  }
}

[[noreturn]] void not_loaded(const char* part) {
  throw Error(code::kArgument,
              std::string("Expected a worker that was opened with `") + part + "` but this one has none");
}

}  // namespace

WorkerModels::WorkerModels(const OpenRequest& request, MemoryMeter& memory, ProgressTracker& progress, const Emit& emit)
    : progress_(progress), placement_(placement_of(request, memory, emit)) {
  memory.expect_room_for(least_weight_bytes(request));
  // Before the models are loaded: this takes milliseconds, that a minute.
  for (const auto part : kParts) {
    request.cancellation->expect_wanted();
    if (request.*part) expect_known_answer((request.*part)->architecture, request.engine, placement_);
  }
  LoadingProgress loading([&](int64_t done, int64_t total) { emit(LoadingMessage{done, total}); },
                          archive_bytes_of(request), *request.cancellation);
  dna_ = load(request.dna, request.engine, loading);
  protein_ = load(request.protein, request.engine, loading);
  if (request.classifier) {
    const auto& [path, architecture] = *request.classifier;
    loading.next_archive(archive_bytes(path));
    const auto parameters = read_parameters(path, architecture, loading);
    classifier_.emplace(parameters, std::get<ClassifierArchitecture>(architecture), placement_.device);
  }
  memory.loaded(placement_.device, weight_bytes());
  loading.finish();
}

WorkerModels::Part WorkerModels::load(const std::optional<ModelPart>& part, EngineKind engine,
                                      LoadingProgress& progress) const {
  if (!part) return {};
  progress.next_archive(archive_bytes(part->path));
  return {part->architecture, shared_encoder(part->path, part->architecture, placement_, engine, progress)};
}

const WorkerModels::Part& WorkerModels::part_of(LanguageModel model) const {
  const auto& part = model == LanguageModel::kDna ? dna_ : protein_;
  if (!part.encoder) not_loaded(name_of(model));
  return part;
}

const Classifier& WorkerModels::classifier() const {
  if (!classifier_) not_loaded("classifier");
  return *classifier_;
}

WorkerModels::Work WorkerModels::work_for(LanguageModel model, const PackedTokens& sequences) const {
  const auto& architecture = part_of(model).architecture;
  sequences.check(sizes(architecture).vocabulary, pooled_tokens(architecture).shortest_sequence());
  return {model, pieces_of(sequences, works_ahead() ? INT64_MAX : kCpuTokensAtOnce)};
}

std::vector<Stretch> WorkerModels::plan_of(const Work& work, int64_t last_layer) const {
  const auto encoder = sizes(part_of(work.model).architecture);
  const auto layers = std::min(encoder.layers, last_layer);
  std::vector<Stretch> plan;
  for (const auto& piece : work.pieces) plan.push_back({work.model, layers, multiplications(encoder, piece)});
  return plan;
}

at::Tensor WorkerModels::forward(LanguageModel model, const PackedTokens& piece, ProgressTracker::Job& job,
                                 ForwardTrace* trace) const {
  auto hidden = part_of(model).encoder->forward(piece, trace, [&] { job.layer(); });
  job.end_stretch();
  return hidden;
}

at::Tensor WorkerModels::mean_of(const Work& work, ProgressTracker::Job& job) const {
  const auto& architecture = part_of(work.model).architecture;
  // No sequences give no means, whatever an engine would make of them.
  if (work.pieces.empty()) {
    return at::empty({0, sizes(architecture).width}, at::TensorOptions(placement_.device).dtype(at::kFloat));
  }
  std::vector<at::Tensor> means;
  for (const auto& piece : work.pieces) {
    const auto hidden = forward(work.model, piece, job, nullptr);
    means.push_back(mean_embedding(hidden, piece, pooled_tokens(architecture), placement_));
    if (!works_ahead()) expect_whole_team();
  }
  return at::cat(means);
}

std::function<BatchScores()> WorkerModels::score(const PackedTokens& dna, const PackedTokens& protein,
                                                 bool embeddings) {
  if (dna.sequences() != protein.sequences()) {
    throw Error(code::kArgument, "Expected as many DNA as protein sequences for a batch but received " +
                                     std::to_string(dna.sequences()) + " and " + std::to_string(protein.sequences()));
  }
  const auto& scores_of = classifier();
  const auto dna_work = of_part(LanguageModel::kDna, [&] { return work_for(LanguageModel::kDna, dna); });
  const auto protein_work =
      of_part(LanguageModel::kProtein, [&] { return work_for(LanguageModel::kProtein, protein); });
  auto plan = plan_of(dna_work);
  for (const auto& stretch : plan_of(protein_work)) plan.push_back(stretch);
  auto job = std::make_shared<ProgressTracker::Job>(progress_, std::move(plan));

  auto& stream = DeviceStream::current();
  const auto start = stream.record_event();
  const auto dna_mean = of_part(LanguageModel::kDna, [&] { return mean_of(dna_work, *job); });
  const auto dna_done = stream.record_event();
  const auto protein_mean = of_part(LanguageModel::kProtein, [&] { return mean_of(protein_work, *job); });
  const auto protein_done = stream.record_event();
  const auto features = at::cat({dna_mean, protein_mean}, 1);
  BatchScores result;
  result.scores = to_host(scores_of(features));
  result.faults = to_host(faults_of(dna_mean, protein_mean));
  if (embeddings) result.embeddings = to_host(features);
  const auto done = stream.record_event();
  return [job = std::move(job), &stream, device = placement_.device, result, start, dna_done, protein_done,
          done]() mutable {
    stream.wait(done);
    job.reset();
    for (auto* values : {&result.scores, &result.faults, &result.embeddings}) {
      if (values->defined()) *values = kept(*values, device);
    }
    result.dna_seconds = dna_done.seconds_since(start);
    result.protein_seconds = protein_done.seconds_since(dna_done);
    result.classifier_seconds = done.seconds_since(protein_done);
    return result;
  };
}

void WorkerModels::check(LanguageModel model, const EmbedOptions& options) const {
  const auto& part = part_of(model);
  const auto layers = sizes(part.architecture).layers;
  const auto last = options.last_layer();
  if (last > layers) {
    throw Error(code::kArgument, "Expected layers from 0 to " + std::to_string(layers) +
                                     " for `layers` of this model but received " + std::to_string(last));
  }
  const bool only_last = options.layers.size() == 1 && last == layers;
  if (part.encoder->linear_layers().empty() && (options.measure || !only_last)) {
    throw Error(code::kArgument,
                "Expected the packed engine for `measure` and for `layers` other than the last but received "
                "torchscript");
  }
}

std::function<SequenceEmbeddings()> WorkerModels::embed(LanguageModel model, const PackedTokens& sequences,
                                                        const EmbedOptions& options) {
  check(model, options);
  const auto work = work_for(model, sequences);
  const auto last_layer = options.last_layer();
  auto job = std::make_shared<ProgressTracker::Job>(progress_, plan_of(work, last_layer));
  const auto& architecture = part_of(model).architecture;
  LayerStates states(options, sequences, sizes(architecture).width, pooled_tokens(architecture), placement_);
  ForwardTrace trace;
  trace.last_layer = last_layer;
  trace.wanted = options.wanted();
  trace.receive = [&](int64_t layer, const at::Tensor& state) { states.take(layer, state); };
  trace.measure_parts = options.measure;

  auto& stream = DeviceStream::current();
  const auto start = stream.record_event();
  for (const auto& piece : work.pieces) {
    states.next_piece(piece);
    states.take(last_layer, forward(model, piece, *job, &trace));
    if (!works_ahead()) expect_whole_team();
  }
  const auto done = stream.record_event();
  SequenceEmbeddings result{states.values(), 0, trace.linear_seconds, trace.attention_seconds, trace.attention_backend};
  return [job = std::move(job), &stream, result, start, done]() mutable {
    stream.wait(done);
    job.reset();
    for (auto& layers : result.states) {
      for (auto& values : layers) values = uncounted(values);
    }
    result.seconds = done.seconds_since(start);
    return result;
  };
}

LinearMeasurement WorkerModels::measure_linear(LanguageModel model, int64_t rows) {
  const auto& part = part_of(model);
  const auto at_once = works_ahead() ? rows : kCpuTokensAtOnce;
  const Stretch stretch{model, sizes(part.architecture).layers, 1};
  ProgressTracker::Job job(progress_,
                           std::vector<Stretch>(static_cast<size_t>((rows + at_once - 1) / at_once), stretch));
  LinearMeasurement all;
  for (int64_t first = 0; first < rows; first += at_once) {
    const auto piece = virnucpro::measure_linear(*part.encoder, std::min(at_once, rows - first), placement_);
    job.end_stretch();
    all.seconds += piece.seconds;
    all.operations += piece.operations;
  }
  return all;
}

at::Tensor WorkerModels::classify(const std::vector<float>& features) {
  const auto inputs = classifier().inputs();
  const auto count = static_cast<int64_t>(features.size());
  if (count % inputs != 0) {
    throw Error(code::kArgument, "Expected rows of " + std::to_string(inputs) + " values for `features` but received " +
                                     std::to_string(count) + " values");
  }
  const auto rows = host_memory({count / inputs, inputs}, at::kFloat, placement_.device);
  std::copy(features.begin(), features.end(), rows.mutable_data_ptr<float>());
  return fetched(classifier()(to_device(rows, placement_.device)));
}

int64_t WorkerModels::weight_bytes() const {
  int64_t bytes = classifier_ ? classifier_->weight_bytes() : 0;
  for (const auto* part : {&dna_, &protein_}) bytes += part->encoder ? part->encoder->weight_bytes() : 0;
  return bytes;
}

}  // namespace virnucpro
