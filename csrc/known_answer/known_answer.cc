#include "known_answer/known_answer.h"

#include <ATen/TensorOperators.h>

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "error.h"
#include "failure_description.h"
#include "known_answer/known_model.h"
#include "known_answer/plain_forward.h"
#include "model/classifier.h"
#include "model/host_memory.h"
#include "model/pooling.h"
#include "model/torchscript_encoder.h"
#include "number_text.h"

namespace virnucpro {

namespace {

// The effect of the order of sums: 3e-7 was measured on a CPU. A GPU's functions (exp, erf) have fewer digits.
constexpr double kFloat32OnCpu = 1e-5;
constexpr double kFloat32Elsewhere = 1e-4;
// For means of values around 1: five times what was measured with bfloat16 (0.010).
constexpr double kHalfTheDigits = 0.05;

double bound_for(const Placement& placement) {
  if (placement.dtype != at::kFloat) return kHalfTheDigits;
  return placement.device.is_cpu() ? kFloat32OnCpu : kFloat32Elsewhere;
}

std::unique_ptr<Encoder> encoder_of(const Architecture& architecture, const ParameterMap& parameters, EngineKind engine,
                                    const Placement& placement) {
  if (engine == EngineKind::kTorchScript) return make_torchscript_encoder(parameters, architecture, placement);
  const Cancellation nobody;
  LoadingProgress progress([](int64_t, int64_t) {}, 1, nobody);
  return make_packed_encoder(parameters, architecture, placement, progress);
}

struct Comparison {
  const char* what;
  at::Tensor computed;
  at::Tensor expected;
  double bound;
};

Comparison compare_means(const Architecture& smallest, EngineKind engine, const Placement& placement) {
  const auto parameters = known_parameters(smallest);
  const auto tokens = known_tokens(smallest);
  const auto encoder = encoder_of(smallest, parameters, engine, placement);
  const auto hidden = encoder->forward(tokens, nullptr, [] {});
  const auto computed = mean_embedding(hidden, tokens, pooled_tokens(smallest), placement);
  const auto* const name = std::holds_alternative<Esm2Architecture>(smallest) ? "protein" : "DNA";
  return {name, fetched(computed), plain_means(smallest, parameters, tokens), bound_for(placement)};
}

Comparison compare_scores(const ClassifierArchitecture& smallest, const Placement& placement) {
  const auto parameters = known_parameters(smallest);
  const auto features = known_features(smallest);
  const Classifier classifier(parameters, smallest, placement.device);
  const Placement in_float32{placement.device, at::kFloat};
  return {"classifier", fetched(classifier(features.to(placement.device))),
          plain_scores(smallest, parameters, features), bound_for(in_float32)};
}

const char* name_of(at::ScalarType dtype) {
  if (dtype == at::kFloat) return "FP32";
  return dtype == at::kBFloat16 ? "BF16" : "FP16";
}

constexpr const char* kNext =
    ". Run `virnucpro doctor`, and check the environment variables of the maths libraries (OMP_*, MKL_*, "
    "ONEDNN_*, NVIDIA_TF32_OVERRIDE, LD_PRELOAD)";

Comparison compare(const Architecture& architecture, EngineKind engine, const Placement& placement) {
  const auto smallest = smallest_like(architecture);
  const auto* const classifier = std::get_if<ClassifierArchitecture>(&smallest);
  return classifier != nullptr ? compare_scores(*classifier, placement) : compare_means(smallest, engine, placement);
}

}  // namespace

void expect_known_answer(const Architecture& architecture, EngineKind engine, const Placement& placement) {
  const auto device = placement.device.str();
  const std::string precision = name_of(placement.dtype);
  try {
    const auto [what, computed, expected, bound] = compare(architecture, engine, placement);
    const double difference = (computed.to(at::kDouble) - expected).abs().max().item<double>();
    // Written so that NaN fails too.
    if (difference <= bound) return;
    throw Error(code::kWrongNumbers, device + " gets a known answer wrong in " + precision + ": a small " + what +
                                         " model is off by " + two_digits(difference) + " (at most " +
                                         two_digits(bound) + "), so its scores would be wrong" + kNext);
  } catch (const Error&) {
    throw;
  } catch (...) {
    // More specific errors, such as out of memory, pass unchanged.
    const auto described = describe_failure(std::current_exception());
    if (std::string_view(described.code) != code::kNative) throw;
    throw Error(code::kNative, device + " cannot compute a known answer in " + precision +
                                   ": libtorch reports: " + first_line(described.message) + kNext);
  }
}

}  // namespace virnucpro
