#include "binding/failure.h"

#include <c10/util/Exception.h>

#include <new>
#include <string>

#include "error.h"

namespace virnucpro {

namespace {

struct Failure {
  const char* code;
  std::string message;
  const char* part = nullptr;
};

// libtorch's CPU allocator has no exception type of its own; this is how its message starts.
bool is_out_of_memory(const std::string& message) {
  return message.find("can't allocate memory") != std::string::npos ||
         message.find("out of memory") != std::string::npos;
}

Failure describe(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const PartFailure& error) {
    auto described = describe(error.cause());
    described.part = error.part();
    return described;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const c10::OutOfMemoryError& error) {
    return {code::kMemory, error.what_without_backtrace()};
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    return {is_out_of_memory(message) ? code::kMemory : code::kNative, message};
  } catch (const std::bad_alloc&) {
    return {code::kMemory, "Expected enough memory for this call but the machine has none left"};
  } catch (const std::exception& error) {
    return {code::kNative, error.what()};
  } catch (...) {
    return {code::kNative, "an exception of an unknown type"};
  }
}

}  // namespace

Napi::Error to_javascript(Napi::Env env, std::exception_ptr failure) {
  const auto described = describe(failure);
  const auto error = Napi::Error::New(env, described.message.substr(0, described.message.find('\n')));
  error.Value().Set("code", described.code);
  if (described.part != nullptr) error.Value().Set("part", described.part);
  return error;
}

}  // namespace virnucpro
