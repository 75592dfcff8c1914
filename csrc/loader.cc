// A separate module, linked to nothing but Node. It loads libtorch into the process, so that the addon, which names its
// libraries without a path, finds them there.
#include <dlfcn.h>
#include <napi.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace {

// The linker's own error text; empty on success. RTLD_GLOBAL because the addon's symbols, and those of
// libtorch_cuda.so, must resolve to the one copy that is loaded here.
std::optional<std::string> problem_of_loading(const std::string& path) {
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return std::nullopt;
  const char* reason = dlerror();  // NOLINT(concurrency-mt-unsafe): its text is the thread's own
  return reason == nullptr ? "dlopen failed without a reason: " + path : reason;
}

std::string path_of(const Napi::CallbackInfo& info) {
  if (info.Length() == 1 && info[0].IsString()) return info[0].As<Napi::String>();
  throw Napi::TypeError::New(info.Env(), "Expected one path for load");
}

// load(path): throws an Error on failure.
void load(const Napi::CallbackInfo& info) {
  if (const auto problem = problem_of_loading(path_of(info))) throw Napi::Error::New(info.Env(), *problem);
}

class Loading : public Napi::AsyncWorker {
 public:
  Loading(Napi::Env env, std::string path)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), path_(std::move(path)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    if (const auto problem = problem_of_loading(path_)) SetError(*problem);
  }
  void OnOK() override { deferred_.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  std::string path_;
};

// loadAside(path): the same on another thread, as a promise.
Napi::Value load_aside(const Napi::CallbackInfo& info) {
  auto* const loading = new Loading(info.Env(), path_of(info));  // deletes itself when done
  loading->Queue();
  return loading->promise();
}

// setDefault(name, value): sets an environment variable unless it is set already. It does so in the process's own
// environment, which is where native libraries look: process.env of a worker thread is a copy.
void set_default(const Napi::CallbackInfo& info) {
  if (info.Length() != 2 || !info[0].IsString() || !info[1].IsString()) {
    throw Napi::TypeError::New(info.Env(), "Expected a name and a value for setDefault");
  }
  const std::string name = info[0].As<Napi::String>();
  const std::string value = info[1].As<Napi::String>();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): called before there are threads of native libraries
  if (setenv(name.c_str(), value.c_str(), /*overwrite=*/0) != 0) {
    throw Napi::Error::New(info.Env(), "Expected the name of a variable for setDefault but received " + name);
  }
}

// leave(code): ends the process now, whatever its threads do. `exit` would wait for threads that a file system does not
// answer, because Node joins them.
void leave(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsNumber()) {
    throw Napi::TypeError::New(info.Env(), "Expected one exit code for leave");
  }
  _exit(info[0].As<Napi::Number>().Int32Value());
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("setDefault", Napi::Function::New(env, set_default, "setDefault"));
  exports.Set("leave", Napi::Function::New(env, leave, "leave"));
  exports.Set("loadAside", Napi::Function::New(env, load_aside, "loadAside"));
  exports.Set("load", Napi::Function::New(env, load, "load"));
  return exports;
}

}  // namespace

NODE_API_MODULE(virnucpro_loader, initialize)
