#include "failure_description.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <string_view>
#include <system_error>

#include "error.h"

namespace virnucpro {

namespace {

// Numbers of cudaError_t, which are a part of CUDA's binary interface.
constexpr int32_t kCudaOutOfMemory = 2;
constexpr int32_t kCudaDevicesUnavailable = 46;

bool contains_one(const std::string& message, std::initializer_list<std::string_view> texts) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](std::string_view text) { return message.find(text) != std::string::npos; });
}

// How cuBLAS reports that a full GPU has no room for its own memory.
constexpr std::string_view kNoRoomForCublas = "CUBLAS_STATUS_NOT_INITIALIZED";

// Most of libtorch's libraries have no exception type for it, so their texts are matched: those of the CPU's allocator,
// of CUDA and the kernels that call it directly, of cuBLAS and cuDNN, and of this addon's own limit when it comes out
// of the TorchScript interpreter.
bool says_out_of_memory(const std::string& message) {
  return contains_one(message,
                      {"can't allocate memory", "out of memory", "Out of memory", "CUDA_ERROR_OUT_OF_MEMORY",
                       "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", kNoRoomForCublas, "(`maxMemory`"});
}

bool says_busy(const std::string& message) { return contains_one(message, {"busy or unavailable"}); }

// The TorchScript interpreter throws a text of many lines: where it was, then what was thrown there.
std::string without_traceback(const std::string& message) {
  static const std::string kStart = "The following operation failed in the TorchScript interpreter";
  static const std::string kCause = "RuntimeError: ";
  const auto cause = message.rfind(kCause);
  if (message.rfind(kStart, 0) != 0 || cause == std::string::npos) return message;
  return message.substr(cause + kCause.size());
}

FailureDescription describe_text(const std::string& whole) {
  const auto message = without_traceback(whole);
  if (says_out_of_memory(message)) return {code::kMemory, message};
  if (says_busy(message)) return {code::kDevice, message};
  return {code::kNative, message};
}

}  // namespace

FailureDescription describe_failure(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const PartFailure& error) {
    auto described = describe_failure(error.cause());
    described.part = error.part();
    return described;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const c10::OutOfMemoryError& error) {
    return {code::kMemory, error.what_without_backtrace()};
  } catch (const c10::AcceleratorError& error) {
    const std::string message = error.what_without_backtrace();
    if (error.get_error_code() == kCudaOutOfMemory) return {code::kMemory, message};
    if (error.get_error_code() == kCudaDevicesUnavailable) return {code::kDevice, message};
    return describe_text(message);
  } catch (const c10::Error& error) {
    return describe_text(error.what_without_backtrace());
  } catch (const std::system_error& error) {
    // What std::thread throws when the system provides no more threads.
    if (error.code() != std::errc::resource_unavailable_try_again) return describe_text(error.what());
    return {code::kThreads,
            "The system allows this process no more threads. Raise the limit (`ulimit -u`, pids.max of its control "
            "group, `ulimit -v`)"};
  } catch (const std::bad_alloc&) {
    return {code::kMemory, "The machine has no memory left for this call"};
  } catch (const std::exception& error) {
    return describe_text(error.what());
  } catch (...) {
    return {code::kNative, "an exception of an unknown type"};
  }
}

std::string first_line(const std::string& message) { return message.substr(0, message.find('\n')); }

bool is_out_of_memory(const std::exception_ptr& failure) {
  return std::string_view(describe_failure(failure).code) == code::kMemory;
}

}  // namespace virnucpro
