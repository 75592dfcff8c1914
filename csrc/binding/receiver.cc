#include "binding/receiver.h"

#include <exception>
#include <string>

#include "binding/failure.h"
#include "error.h"

namespace virnucpro {
namespace {

[[noreturn]] void refuse(Napi::Env env, const std::string& message) {
  throw to_javascript(env, std::make_exception_ptr(Error(code::kArgument, message)));
}

}  // namespace

void expect_receiver(const Napi::Object& receiver, const napi_type_tag& tag, const char* name) {
  if (receiver.IsObject() && receiver.CheckTypeTag(&tag)) return;
  refuse(receiver.Env(), std::string("Expected a ") + name + " for `this` but received something else");
}

Napi::Value called_without_new(const Napi::CallbackInfo& info, const char* name) {
  refuse(info.Env(), std::string("Expected `new` for ") + name + " but received a call without it");
}

}  // namespace virnucpro
