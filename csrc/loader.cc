// A module of its own, linked to nothing but Node: it brings libtorch into the process, so that the addon, which names
// its libraries without a path, finds them there.
#include <dlfcn.h>
#include <napi.h>

namespace {

// load(path): nothing on success, an Error with the linker's own words otherwise. RTLD_GLOBAL because the addon's
// symbols, and those of libtorch_cuda.so, must resolve to the one copy that is loaded here.
void load(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsString()) {
    throw Napi::TypeError::New(info.Env(), "Expected one path for load");
  }
  const std::string path = info[0].As<Napi::String>();
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();
    throw Napi::Error::New(info.Env(), reason == nullptr ? "dlopen failed without a reason: " + path : reason);
  }
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("load", Napi::Function::New(env, load, "load"));
  return exports;
}

}  // namespace

NODE_API_MODULE(virnucpro_loader, initialize)
