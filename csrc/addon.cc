// Sets up a JavaScript environment: the exports, which lib/engine/addon.ts declares, the state that they share, and the
// joining of threads when the process exits. The first environment also installs the allocator that counts memory.

#include <napi.h>

#include <memory>

#include "binding/archive_binding.h"
#include "binding/device_binding.h"
#include "binding/environment_state.h"
#include "binding/kernel_binding.h"
#include "binding/tokenizer_binding.h"
#include "binding/worker_binding.h"
#include "device/cpu_memory.h"

namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  using namespace virnucpro;
  install_counting_allocator();
  auto state = std::make_unique<EnvironmentState>();
  state->worker = Napi::Persistent(WorkerBinding::define(env));
  env.SetInstanceData(state.release());  // freed by the environment when it ends

  const auto process = env.Global().Get("process").As<Napi::Object>();
  process.Get("once").As<Napi::Function>().Call(
      process, {Napi::String::New(env, "exit"), Napi::Function::New<&WorkerBinding::join_all>(env, "joinWorkers")});

  exports.Set("versions", versions(env));
  exports.Set("wakeDriver", Napi::Function::New<wake_driver_binding>(env, "wakeDriver"));
  exports.Set("driver", Napi::Function::New<driver_binding>(env, "driver"));
  exports.Set("devices", Napi::Function::New<devices_binding>(env, "devices"));
  exports.Set("sensors", Napi::Function::New<sensors_binding>(env, "sensors"));
  exports.Set("setKernelCompiler", Napi::Function::New<set_kernel_compiler_binding>(env, "setKernelCompiler"));
  exports.Set("parametersOf", Napi::Function::New<parameters_of_binding>(env, "parametersOf"));
  exports.Set("writeArchive", Napi::Function::New<write_archive_binding>(env, "writeArchive"));
  exports.Set("BytePairTokenizer", TokenizerBinding::define(env));
  exports.Set("openWorker", Napi::Function::New<&WorkerBinding::open>(env, "openWorker"));
  exports.Set("deviceHangs", Napi::Function::New<&WorkerBinding::device_hangs>(env, "deviceHangs"));
  return exports;
}

}  // namespace

NODE_API_MODULE(virnucpro, initialize)
