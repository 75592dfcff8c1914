#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace virnucpro {

// The stable codes that reach TypeScript as `error.code`; lib/errors.ts declares their meaning.
namespace code {
inline constexpr const char* kAborted = "VNP_ABORTED";
inline constexpr const char* kArgument = "VNP_ARGUMENT";
inline constexpr const char* kCheckpoint = "VNP_CHECKPOINT";
inline constexpr const char* kClosed = "VNP_CLOSED";
inline constexpr const char* kDevice = "VNP_DEVICE";
inline constexpr const char* kDeviceLost = "VNP_DEVICE_LOST";
inline constexpr const char* kMemory = "VNP_MEMORY";
inline constexpr const char* kModelInvalid = "VNP_MODEL_INVALID";
inline constexpr const char* kNative = "VNP_NATIVE";
inline constexpr const char* kOutput = "VNP_OUTPUT";
inline constexpr const char* kThreads = "VNP_THREADS";
inline constexpr const char* kWrongNumbers = "VNP_WRONG_NUMBERS";
}  // namespace code

// What to do about a lost device.
inline constexpr const char* kAfterLoss =
    "Start a new process to use it again; if that fails too, check it with nvidia-smi";

class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const { return code_; }

 private:
  const char* code_;
};

// Wraps what one model of a batch threw, and adds the name of the part, `dna` or `protein`.
class PartFailure : public std::exception {
 public:
  PartFailure(const char* part, std::exception_ptr cause) : part_(part), cause_(std::move(cause)) {}
  const char* part() const { return part_; }
  const std::exception_ptr& cause() const { return cause_; }
  const char* what() const noexcept override { return "a part of a batch failed"; }

 private:
  const char* part_;
  std::exception_ptr cause_;
};

}  // namespace virnucpro
