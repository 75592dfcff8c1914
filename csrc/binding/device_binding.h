#pragma once

#include <napi.h>

namespace virnucpro {

// wakeDriver()
Napi::Value wake_driver_binding(const Napi::CallbackInfo& info);
// driver()
Napi::Value driver_binding(const Napi::CallbackInfo& info);
// devices()
Napi::Value devices_binding(const Napi::CallbackInfo& info);
// sensors(ids)
Napi::Value sensors_binding(const Napi::CallbackInfo& info);
// versions
Napi::Object versions(Napi::Env env);

}  // namespace virnucpro
