#pragma once

#include <napi.h>

namespace virnucpro {

void expect_receiver(const Napi::Object& receiver, const napi_type_tag& tag, const char* name);

// The object behind the `this` of a call. Throws kArgument unless it was tagged: V8 itself checks the receivers of
// methods, but not those of accessors, so another object's memory could be taken for this class's.
template <typename Binding>
Binding* unwrapped(const Napi::Object& receiver, const napi_type_tag& tag, const char* name) {
  expect_receiver(receiver, tag, name);
  return Napi::ObjectWrap<Binding>::Unwrap(receiver);
}

// For a class that is called like a function: throws kArgument.
[[noreturn]] Napi::Value called_without_new(const Napi::CallbackInfo& info, const char* name);

}  // namespace virnucpro
