#pragma once

#include <napi.h>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>

namespace virnucpro {

// Settles one promise from any thread, once: later calls do nothing. The functions given to it run on the JavaScript
// thread, or not at all if the environment is gone by then.
class Completion {
 public:
  using MakeValue = std::function<Napi::Value(Napi::Env)>;

  // On the JavaScript thread. `settled` runs there too, just before the promise is settled either way.
  Completion(Napi::Env env, std::function<void()> settled);
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  Napi::Promise promise() const { return deferred_.Promise(); }
  void resolve(MakeValue make_value);
  void reject(std::exception_ptr reason);

 private:
  struct Settlement {
    Napi::Promise::Deferred deferred;
    std::function<void()> settled;
    MakeValue make_value;
    std::exception_ptr reason;
  };
  static void settle(Napi::Env env, Napi::Function, std::nullptr_t*, Settlement* given);
  using Channel = Napi::TypedThreadSafeFunction<std::nullptr_t, Settlement, &Completion::settle>;

  void send(MakeValue make_value, std::exception_ptr reason);

  std::atomic<bool> sent_{false};
  Napi::Promise::Deferred deferred_;
  std::function<void()> settled_;
  Channel channel_;
};

}  // namespace virnucpro
