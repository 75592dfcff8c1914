#pragma once

#include <napi.h>

namespace virnucpro {

// setKernelCompiler(compiler)
Napi::Value set_kernel_compiler_binding(const Napi::CallbackInfo& info);

}  // namespace virnucpro
