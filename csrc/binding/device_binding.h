#pragma once

#include <napi.h>

namespace virnucpro {

// devices()
Napi::Value devices_binding(const Napi::CallbackInfo& info);
// versions
Napi::Object versions(Napi::Env env);

}  // namespace virnucpro
