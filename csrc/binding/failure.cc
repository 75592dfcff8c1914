#include "binding/failure.h"

#include "failure_description.h"

namespace virnucpro {

Napi::Error to_javascript(Napi::Env env, const std::exception_ptr& failure) {
  const auto described = describe_failure(failure);
  auto error = Napi::Error::New(env, first_line(described.message));
  error.Value().Set("code", described.code);
  if (described.part != nullptr) error.Value().Set("part", described.part);
  return error;
}

}  // namespace virnucpro
