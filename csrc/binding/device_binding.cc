#include "binding/device_binding.h"

#include <torch/version.h>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/failure.h"
#include "device/devices.h"
#include "error.h"

namespace virnucpro {

namespace {

template <typename Number>
Napi::Value number_or_null(Napi::Env env, const std::optional<Number>& number) {
  return number ? Napi::Value(Napi::Number::New(env, static_cast<double>(*number))) : env.Null();
}

const char* name_of(ComputeMode mode) {
  switch (mode) {
    case ComputeMode::kExclusive:
      return "exclusive";
    case ComputeMode::kProhibited:
      return "prohibited";
    default:
      return "default";
  }
}

std::vector<std::string> ids_from(const Napi::Value& value) {
  const auto fail = [] {
    throw Error(code::kArgument, "Expected an array of ids for `sensors` but received another kind");
  };
  if (!value.IsArray()) fail();
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> ids;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value id = array.Get(i);
    if (!id.IsString()) fail();
    ids.push_back(id.As<Napi::String>().Utf8Value());
  }
  return ids;
}

class ReadSensors final : public Napi::AsyncWorker {
 public:
  ReadSensors(Napi::Env env, std::vector<std::string> ids)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), ids_(std::move(ids)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      sensors_ = read_sensors(ids_);
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  void OnOK() override {
    settle(Env(), deferred_, [this] {
      if (failure_) std::rethrow_exception(failure_);
      auto list = Napi::Array::New(Env());
      for (const auto& sensors : sensors_) {
        auto entry = Napi::Object::New(Env());
        entry.Set("memoryTotal", number_or_null(Env(), sensors.memory_total));
        entry.Set("memoryFree", number_or_null(Env(), sensors.memory_free));
        entry.Set("utilisation", number_or_null(Env(), sensors.utilisation));
        entry.Set("temperature", number_or_null(Env(), sensors.temperature));
        list.Set(list.Length(), entry);
      }
      return list;
    });
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::vector<std::string> ids_;
  std::vector<Sensors> sensors_;
  std::exception_ptr failure_;
};

// Asks for everything once, so that the driver and its libraries are ready when the JavaScript thread asks.
class WakeDriver final : public Napi::AsyncWorker {
 public:
  explicit WakeDriver(Napi::Env env) : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      describe_driver();
      list_devices();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  void OnOK() override {
    settle(Env(), deferred_, [this]() -> Napi::Value {
      if (failure_) std::rethrow_exception(failure_);
      return Env().Undefined();
    });
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::exception_ptr failure_;
};

}  // namespace

Napi::Value wake_driver_binding(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return promised(env, [&]() -> Napi::Value {
    auto waking = std::make_unique<WakeDriver>(env);
    const auto promise = waking->promise();
    waking.release()->Queue();  // it deletes itself when it is done
    return promise;
  });
}

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
      entry.Set("memoryFree", number_or_null(env, device.memory_free));
      entry.Set("bf16", device.bf16);
      entry.Set("driver", device.driver);
      entry.Set("pciAddress", device.pci_address);
      entry.Set("mig", device.is_slice);
      entry.Set("computeMode", name_of(device.compute_mode));
      entry.Set("processes", static_cast<double>(device.other_processes));
      list.Set(list.Length(), entry);
    }
    return list;
  });
}

Napi::Value driver_binding(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto driver = describe_driver();
    if (!driver) return env.Null();
    auto entry = Napi::Object::New(env);
    entry.Set("version", driver->version);
    entry.Set("cuda", driver->cuda);
    return entry;
  });
}

Napi::Value sensors_binding(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return promised(env, [&]() -> Napi::Value {
    // From Queue on an AsyncWorker belongs to the runtime, and deletes itself when it is done.
    auto reading = std::make_unique<ReadSensors>(env, ids_from(info[0]));
    const auto promise = reading->promise();
    reading.release()->Queue();
    return promise;
  });
}

Napi::Object versions(Napi::Env env) {
  auto versions = Napi::Object::New(env);
  versions.Set("libtorch", TORCH_VERSION);
  versions.Set("compiler", __VERSION__);
  return versions;
}

}  // namespace virnucpro
