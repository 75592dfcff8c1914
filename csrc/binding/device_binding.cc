#include "binding/device_binding.h"

#include <torch/version.h>

#include "binding/failure.h"
#include "device/devices.h"

namespace virnucpro {

Napi::Value devices_binding(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto list = Napi::Array::New(env);
    for (const auto& device : list_devices()) {
      auto entry = Napi::Object::New(env);
      entry.Set("id", device.id);
      entry.Set("name", device.name);
      entry.Set("capability", device.capability);
      entry.Set("memoryTotal", static_cast<double>(device.memory_total));
      entry.Set("memoryFree", static_cast<double>(device.memory_free));
      entry.Set("bf16", device.bf16);
      list.Set(list.Length(), entry);
    }
    return list;
  });
}

Napi::Object versions(Napi::Env env) {
  auto versions = Napi::Object::New(env);
  versions.Set("libtorch", TORCH_VERSION);
  versions.Set("compiler", __VERSION__);
  return versions;
}

}  // namespace virnucpro
