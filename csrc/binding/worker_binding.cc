#include "binding/worker_binding.h"

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/environment_state.h"
#include "binding/failure.h"
#include "binding/open_request.h"
#include "binding/receiver.h"
#include "binding/worker_jobs.h"
#include "error.h"
#include "stream/hanging_devices.h"

namespace virnucpro {

namespace {

LanguageModel language_model(const Napi::CallbackInfo& info) {
  const auto part = string_argument(info, 0, "part");
  if (part == "dna") return LanguageModel::kDna;
  if (part == "protein") return LanguageModel::kProtein;
  throw Error(code::kArgument, "Expected dna or protein for `part` but received " + part);
}

Pool pool_from(const std::string& name) {
  if (name == "mean") return Pool::kMean;
  if (name == "cls") return Pool::kCls;
  if (name == "max") return Pool::kMax;
  if (name == "tokens") return Pool::kTokens;
  throw Error(code::kArgument, "Expected mean, cls, max or tokens for `pools` but received " + shortened(name));
}

// Throws kArgument unless there is at least one, and none twice. `text`: how a value is named in a message.
template <typename Value, typename Text>
void expect_distinct(const std::vector<Value>& values, const char* name, const Text& text) {
  if (values.empty()) {
    throw Error(code::kArgument, std::string("Expected at least one of the `") + name + "` but received none");
  }
  std::set<Value> seen;
  for (const auto& value : values) {
    if (seen.insert(value).second) continue;
    throw Error(code::kArgument,
                std::string("Expected each of the `") + name + "` once but received " + text(value) + " twice");
  }
}

EmbedOptions embed_options(const Napi::Object& given) {
  EmbedOptions options;
  options.layers = integers_field(given, "layers");
  expect_distinct(options.layers, "layers", [](int64_t layer) { return std::to_string(layer); });
  const auto pools = strings_field(given, "pools");
  expect_distinct(pools, "pools", [](const std::string& pool) { return shortened(pool); });
  for (const auto& pool : pools) options.pools.push_back(pool_from(pool));
  options.measure = has_field(given, "measure") && boolean_field(given, "measure");
  return options;
}

// Calls `act` when the AbortSignal of this name, if the request has one, is aborted; at once if it already is.
void listen_to_signal(const Napi::Object& request, const char* name, const std::function<void()>& act) {
  if (!has_field(request, name)) return;
  const auto signal = object_field(request, name);
  const auto listen = signal.Get("addEventListener");
  if (!listen.IsFunction()) {
    throw Error(code::kArgument,
                std::string("Expected an AbortSignal for `") + name + "` but received another kind of object");
  }
  if (boolean_field(signal, "aborted")) act();
  const auto env = request.Env();
  const auto heard = [act](const Napi::CallbackInfo&) { act(); };
  auto once = Napi::Object::New(env);
  once.Set("once", true);
  listen.As<Napi::Function>().Call(signal, {Napi::String::New(env, "abort"), Napi::Function::New(env, heard), once});
}

// Null if nobody listens.
std::unique_ptr<MessageChannel> message_channel(const Napi::Object& request) {
  if (!has_field(request, "onMessage")) return nullptr;
  const auto receiver = request.Get("onMessage");
  if (!receiver.IsFunction()) {
    throw Error(code::kArgument, "Expected a function for `onMessage` but received another kind of value");
  }
  return std::make_unique<MessageChannel>(request.Env(), receiver.As<Napi::Function>());
}

// Marks every object that this class wraps, and nothing else.
constexpr napi_type_tag kWorkerTag = {0x1e4c9d1b0a7f4c52, 0x9b3f6e08d2a5714c};

}  // namespace

Napi::Function WorkerBinding::define(Napi::Env env) {
  return DefineClass(
      env, "NativeWorker",
      {InstanceMethod<&WorkerBinding::run>("run"), InstanceMethod<&WorkerBinding::embed>("embed"),
       InstanceMethod<&WorkerBinding::measure_linear>("measureLinear"),
       InstanceMethod<&WorkerBinding::classify>("classify"), InstanceMethod<&WorkerBinding::cancel>("cancel"),
       InstanceMethod<&WorkerBinding::abandon>("abandon"), InstanceMethod<&WorkerBinding::close>("close"),
       InstanceMethod<&WorkerBinding::progress>("progress"), InstanceMethod<&WorkerBinding::memory>("memory"),
       InstanceAccessor<&WorkerBinding::weight_bytes>("weightBytes"),
       InstanceAccessor<&WorkerBinding::threads>("threads")});
}

WorkerBinding* WorkerBinding::Unwrap(const Napi::Object& receiver) {
  return unwrapped<WorkerBinding>(receiver, kWorkerTag, "NativeWorker");
}

Napi::Value WorkerBinding::OnCalledAsFunction(const Napi::CallbackInfo& info) {
  return called_without_new(info, "NativeWorker");
}

WorkerBinding::WorkerBinding(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<WorkerBinding>(info),
      env_(info.Env()),
      alive_(info.Env().GetInstanceData<EnvironmentState>()->workers) {
  info.This().As<Napi::Object>().TypeTag(&kWorkerTag);
  napi_add_env_cleanup_hook(env_, &WorkerBinding::join, this);  // while its channels exist (rule 5)
  alive_->insert(this);
}

WorkerBinding::~WorkerBinding() {
  napi_remove_env_cleanup_hook(env_, &WorkerBinding::join, this);
  alive_->erase(this);
  join(this);
}

void WorkerBinding::join(void* self) {
  auto* const binding = static_cast<WorkerBinding*>(self);
  if (binding->worker_ && !binding->worker_->close_and_wait()) binding->give_up();
  binding->worker_.reset();
}

void WorkerBinding::give_up() {
  if (!worker_) return;
  worker_->abandon();
  // Its thread can be neither joined nor ended, and uses it: kept for the life of the process (rule 6).
  static_cast<void>(worker_.release());
}

Napi::Value WorkerBinding::device_hangs(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), has_hanging_device());
}

void WorkerBinding::join_all(const Napi::CallbackInfo& info) {
  for (auto* const worker : *info.Env().GetInstanceData<EnvironmentState>()->workers) join(worker);
}

Napi::Value WorkerBinding::open(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return promised(env, [&] {
    const auto given = object_argument(info, 0, "request");
    auto request = open_request_from(given);
    auto messages = message_channel(given);
    listen_to_signal(given, "signal", [cancellation = request.cancellation] { cancellation->cancel(); });
    const auto object = env.GetInstanceData<EnvironmentState>()->worker.New({});
    const auto worker = std::make_shared<Napi::ObjectReference>(Napi::Weak(object));
    listen_to_signal(given, "abandon", [worker] {
      if (const auto there = worker->Value(); !there.IsEmpty()) Unwrap(there)->give_up();
    });
    return Unwrap(object)->start(env, std::move(request), std::move(messages));
  });
}

std::shared_ptr<Completion> WorkerBinding::completion(Napi::Env env) {
  Ref();  // alive while its promise is pending (rule 7)
  return std::make_shared<Completion>(env, [this, env] {
    if (messages_) messages_->deliver(env);  // before the promise settles (rule 8)
    Unref();
  });
}

Napi::Value WorkerBinding::start(Napi::Env env, OpenRequest request, std::unique_ptr<MessageChannel> messages) {
  messages_ = std::move(messages);
  const auto done = completion(env);
  const auto opened = [this, done](int64_t bytes, int threads) {
    done->resolve([this, bytes, threads](Napi::Env) {
      weight_bytes_ = bytes;
      threads_ = threads;
      return Value();
    });
  };
  const auto failed = [done](std::exception_ptr reason) { done->reject(std::move(reason)); };
  try {
    const auto emit = messages_ ? messages_->emit() : Emit([](const WorkerMessage&) {});
    worker_ = std::make_unique<DeviceWorker>(std::move(request), DeviceWorker::Events{opened, failed, emit});
  } catch (...) {
    // The thread could not be started, so the promise is settled here.
    failed(std::current_exception());
  }
  return done->promise();
}

template <typename SomeJob, typename... Arguments>
Napi::Value WorkerBinding::submit(Napi::Env env, Arguments&&... arguments) {
  if (!worker_) throw closed_failure();
  const auto done = completion(env);
  try {
    worker_->submit(std::make_shared<SomeJob>(done, std::forward<Arguments>(arguments)...));
  } catch (...) {
    done->reject(std::current_exception());
  }
  return done->promise();
}

Napi::Value WorkerBinding::run(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return promised(env, [&] {
    const auto batch = object_argument(info, 0, "batch");
    auto dna = packed_tokens_from(object_field(batch, "dna"));
    auto protein = packed_tokens_from(object_field(batch, "protein"));
    const bool embeddings = boolean_field(object_argument(info, 1, "options"), "embeddings");
    return submit<ScoreJob>(env, std::move(dna), std::move(protein), embeddings);
  });
}

Napi::Value WorkerBinding::embed(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return promised(env, [&] {
    const auto model = language_model(info);
    auto sequences = packed_tokens_from(object_argument(info, 1, "tokens"));
    return submit<EmbedJob>(env, model, std::move(sequences), embed_options(object_argument(info, 2, "options")));
  });
}

Napi::Value WorkerBinding::measure_linear(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return promised(env, [&] {
    const auto model = language_model(info);
    const auto rows = integer_argument(info, 1, "rows", 1, int64_t{1} << 20);
    return submit<MeasureLinearJob>(env, model, rows);
  });
}

Napi::Value WorkerBinding::classify(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return promised(env, [&] {
    auto features = float32_array_argument(info, 0, "features");
    return submit<ClassifyJob>(env, std::move(features));
  });
}

Napi::Value WorkerBinding::close(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return promised(env, [&] {
    const auto done = completion(env);
    const auto closed = [this, done] {
      done->resolve([this](Napi::Env settled) {
        // The thread has nothing left to do but to return, so joining it here does not wait.
        if (worker_) {
          const auto figures = worker_->memory();
          last_memory_ = {0, 0, figures.peak_allocated, figures.peak_reserved};
        }
        worker_.reset();
        messages_.reset();
        return settled.Undefined();
      });
    };
    if (worker_) {
      worker_->close(closed);
    } else {
      closed();
    }
    return done->promise();
  });
}

Napi::Value WorkerBinding::abandon(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    give_up();
    return info.Env().Undefined();
  });
}

Napi::Value WorkerBinding::cancel(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (worker_) worker_->cancel();
    return info.Env().Undefined();
  });
}

Napi::Value WorkerBinding::progress(const Napi::CallbackInfo& info) {
  const auto progress = worker_ ? worker_->progress() : Progress();
  const auto* stage = !progress.model ? "idle" : *progress.model == LanguageModel::kDna ? "dna" : "protein";
  auto value = Napi::Object::New(info.Env());
  value.Set("stage", stage);
  value.Set("layersDone", static_cast<double>(progress.layers_done));
  value.Set("layers", static_cast<double>(progress.layers));
  value.Set("fraction", progress.fraction);
  return value;
}

Napi::Value WorkerBinding::memory(const Napi::CallbackInfo& info) {
  const auto figures = worker_ ? worker_->memory() : last_memory_;
  auto value = Napi::Object::New(info.Env());
  value.Set("allocated", static_cast<double>(figures.allocated));
  value.Set("reserved", static_cast<double>(figures.reserved));
  value.Set("peakAllocated", static_cast<double>(figures.peak_allocated));
  value.Set("peakReserved", static_cast<double>(figures.peak_reserved));
  return value;
}

Napi::Value WorkerBinding::weight_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(weight_bytes_));
}

Napi::Value WorkerBinding::threads(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), threads_); }

}  // namespace virnucpro
