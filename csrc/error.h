#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace virnucpro {

// The stable codes that reach TypeScript as `error.code`; lib/errors.ts declares their meaning.
namespace code {
inline constexpr const char* kArgument = "VNP_ARGUMENT";
inline constexpr const char* kCheckpoint = "VNP_CHECKPOINT";
inline constexpr const char* kClosed = "VNP_CLOSED";
inline constexpr const char* kDevice = "VNP_DEVICE";
inline constexpr const char* kMemory = "VNP_MEMORY";
inline constexpr const char* kModelInvalid = "VNP_MODEL_INVALID";
inline constexpr const char* kNative = "VNP_NATIVE";
inline constexpr const char* kOutput = "VNP_OUTPUT";
}  // namespace code

class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const { return code_; }

 private:
  const char* code_;
};

}  // namespace virnucpro
