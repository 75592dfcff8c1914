#include "binding/kernel_binding.h"

#include <utility>

#include "binding/arguments.h"
#include "binding/failure.h"
#include "device/open_cuda_kernels.h"

namespace virnucpro {

Napi::Value set_kernel_compiler_binding(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const auto given = object_argument(info, 0, "compiler");
    KernelCompiler compiler;
    compiler.nvrtc.library = path_field(given, "nvrtc");
    if (has_field(given, "builtins")) compiler.nvrtc.builtins = path_field(given, "builtins");
    compiler.cache_folder = path_field(given, "cache");
    set_kernel_compiler(std::move(compiler));
    return info.Env().Undefined();
  });
}

}  // namespace virnucpro
