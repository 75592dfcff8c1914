#include "binding/open_request.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "binding/arguments.h"
#include "error.h"

namespace virnucpro {

namespace {

constexpr int64_t kMaxDeadline = 1'000'000;  // seconds

at::ScalarType compute_type(const std::string& precision) {
  if (precision == "fp32") return at::kFloat;
  if (precision == "fp16") return at::kHalf;
  if (precision == "bf16") return at::kBFloat16;
  throw Error(code::kArgument, "Expected fp32, fp16 or bf16 for `precision` but received " + precision);
}

EngineKind engine_kind(const std::string& engine) {
  if (engine == "packed") return EngineKind::kPacked;
  if (engine == "torchscript") return EngineKind::kTorchScript;
  throw Error(code::kArgument, "Expected packed or torchscript for `engine` but received " + engine);
}

template <typename Family>
std::optional<ModelPart> model_part(const Napi::Object& request, const char* name) {
  if (!has_field(request, name)) return std::nullopt;
  const auto part = object_field(request, name);
  const auto architecture = architecture_from(object_field(part, "architecture"));
  if (!std::holds_alternative<Family>(architecture)) {
    throw Error(code::kArgument, std::string("Expected a model of the right family for `") + name + "` but received " +
                                     string_field(object_field(part, "architecture"), "family"));
  }
  return ModelPart{path_field(part, "path"), architecture};
}

}  // namespace

OpenRequest open_request_from(const Napi::Object& object) {
  OpenRequest request;
  request.device = string_field(object, "device");
  request.dtype = compute_type(string_field(object, "precision"));
  request.threads = static_cast<int>(integer_field(object, "threads", 1, 1024));
  request.engine = engine_kind(string_field(object, "engine"));
  if (has_field(object, "maxMemory")) request.max_memory = integer_field(object, "maxMemory", 1, int64_t{1} << 52);
  if (has_field(object, "deadlineSeconds")) {
    request.deadline = static_cast<double>(integer_field(object, "deadlineSeconds", 1, kMaxDeadline));
  }
  request.dna = model_part<DnabertArchitecture>(object, "dna");
  request.protein = model_part<Esm2Architecture>(object, "protein");
  request.classifier = model_part<ClassifierArchitecture>(object, "classifier");
  return request;
}

}  // namespace virnucpro
