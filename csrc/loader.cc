// A module of its own, linked to nothing but Node: it brings libtorch into the process, so that the addon, which names
// its libraries without a path, finds them there.
#include <dlfcn.h>
#include <napi.h>

#include <cstdlib>
#include <string>

namespace {

// load(path): nothing on success, an Error with the linker's own words otherwise. RTLD_GLOBAL because the addon's
// symbols, and those of libtorch_cuda.so, must resolve to the one copy that is loaded here.
void load(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsString()) {
    throw Napi::TypeError::New(info.Env(), "Expected one path for load");
  }
  const std::string path = info[0].As<Napi::String>();
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();  // NOLINT(concurrency-mt-unsafe): its text is the thread's own
    throw Napi::Error::New(info.Env(), reason == nullptr ? "dlopen failed without a reason: " + path : reason);
  }
}

// setDefault(name, value): an environment variable, unless it is set. In the process's own environment, which is where
// native libraries look: process.env of a worker thread is a copy.
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

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("setDefault", Napi::Function::New(env, set_default, "setDefault"));
  exports.Set("load", Napi::Function::New(env, load, "load"));
  return exports;
}

}  // namespace

NODE_API_MODULE(virnucpro_loader, initialize)
