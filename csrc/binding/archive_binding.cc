#include "binding/archive_binding.h"

#include <exception>
#include <utility>

#include "archive/archive_writer.h"
#include "archive/parameters.h"
#include "binding/arguments.h"
#include "binding/failure.h"
#include "error.h"

namespace virnucpro {

namespace {

at::ScalarType data_type(const std::string& name) {
  if (name == "float32") return at::kFloat;
  if (name == "float16") return at::kHalf;
  if (name == "bfloat16") return at::kBFloat16;
  throw Error(code::kArgument, "Expected float32, float16 or bfloat16 for `dtype` but received " + name);
}

decltype(ArchiveParameter::source) source_from(const Napi::Object& object) {
  const auto kind = string_field(object, "kind");
  if (kind == "file") {
    return FileSource{path_field(object, "path"), integer_field(object, "offset", 0, kMaxSafeInteger),
                      data_type(string_field(object, "dtype")), integers_field(object, "strides")};
  }
  if (kind == "normal") {
    return NormalSource{float_field(object, "mean"), float_field(object, "standardDeviation"),
                        static_cast<uint64_t>(integer_field(object, "seed", 0, kMaxSafeInteger))};
  }
  if (kind == "constant") return ConstantSource{float_field(object, "value")};
  throw Error(code::kArgument, "Expected file, normal or constant for `kind` but received " + kind);
}

ArchiveRequest request_from(const Napi::Object& object) {
  ArchiveRequest request;
  request.path = path_field(object, "path");
  request.architecture = architecture_from(object_field(object, "architecture"));
  request.dtype = data_type(string_field(object, "dtype"));
  const auto parameters = array_field(object, "parameters");
  for (uint32_t i = 0; i < parameters.Length(); ++i) {
    const Napi::Value value = parameters.Get(i);
    if (!value.IsObject()) throw Error(code::kArgument, "Expected objects for `parameters` but received another kind");
    const auto parameter = value.As<Napi::Object>();
    request.parameters.push_back({string_field(parameter, "name"), integers_field(parameter, "shape"),
                                  source_from(object_field(parameter, "source"))});
  }
  const auto files = object_field(object, "extraFiles");
  const auto names = files.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const auto name = names.Get(i).ToString();
    const Napi::Value text = files.Get(name);
    if (!text.IsString()) throw Error(code::kArgument, "Expected strings for `extraFiles` but received another kind");
    request.extra_files.emplace(name.Utf8Value(), text.As<Napi::String>().Utf8Value());
  }
  return request;
}

class WriteArchive final : public Napi::AsyncWorker {
 public:
  WriteArchive(Napi::Env env, ArchiveRequest request)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), request_(std::move(request)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      write_archive(request_);
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  void OnOK() override {
    settle(Env(), deferred_, [this] {
      if (failure_) std::rethrow_exception(failure_);
      return Env().Undefined();
    });
  }

 private:
  Napi::Promise::Deferred deferred_;
  ArchiveRequest request_;
  std::exception_ptr failure_;
};

}  // namespace

Napi::Value parameters_of_binding(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto list = Napi::Array::New(env);
    for (const auto& parameter : parameters_of(architecture_from(object_argument(info, 0, "architecture")))) {
      auto shape = Napi::Array::New(env);
      for (const auto size : parameter.shape) shape.Set(shape.Length(), static_cast<double>(size));
      auto entry = Napi::Object::New(env);
      entry.Set("name", parameter.name);
      entry.Set("shape", shape);
      list.Set(list.Length(), entry);
    }
    return list;
  });
}

Napi::Value write_archive_binding(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return promised(env, [&]() -> Napi::Value {
    // From Queue on an AsyncWorker belongs to the runtime, and deletes itself when it is done.
    auto worker = std::make_unique<WriteArchive>(env, request_from(object_argument(info, 0, "request")));
    const auto promise = worker->promise();
    worker.release()->Queue();
    return promise;
  });
}

}  // namespace virnucpro
