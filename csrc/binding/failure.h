#pragma once

#include <napi.h>

#include <exception>

namespace virnucpro {

// A JavaScript Error with a `code` of lib/errors.ts, one line of text, and the `part` of a batch that failed.
Napi::Error to_javascript(Napi::Env env, const std::exception_ptr& failure);

// Runs a synchronous call: what it throws becomes a JavaScript exception with a code.
template <typename Call>
Napi::Value guarded(Napi::Env env, Call call) {
  try {
    return call();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_javascript(env, std::current_exception());
  }
}

// Runs the synchronous start of an asynchronous call: what it throws rejects the promise.
template <typename Call>
Napi::Value promised(Napi::Env env, Call call) {
  const auto rejected = [env](const Napi::Error& error) {
    const auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(error.Value());
    return deferred.Promise();
  };
  try {
    return call();
  } catch (const Napi::Error& error) {
    return rejected(error);
  } catch (...) {
    return rejected(to_javascript(env, std::current_exception()));
  }
}

// Settles a promise with the value that `make_value` makes, or with what it throws. In an environment that is being
// torn down nobody listens any more, and nothing happens.
template <typename MakeValue>
void settle(Napi::Env env, const Napi::Promise::Deferred& deferred, MakeValue make_value) {
  try {
    Napi::Value value;
    bool failed = false;
    try {
      value = make_value();
    } catch (const Napi::Error& error) {
      failed = true;
      value = error.Value();
    } catch (...) {
      failed = true;
      value = to_javascript(env, std::current_exception()).Value();
    }
    failed ? deferred.Reject(value) : deferred.Resolve(value);
  } catch (const Napi::Error&) {
  }
}

}  // namespace virnucpro
