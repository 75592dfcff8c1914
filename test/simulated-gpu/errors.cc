#include "errors.h"

#include <c10/util/Exception.h>

#include <string>

namespace simulated {

namespace {

std::string words(int error) {
  switch (error) {
    case kInitializationError:
      return "initialization error";
    case kInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case kDevicesUnavailable:
      return "CUDA-capable device(s) is/are busy or unavailable";
    case kInvalidDevice:
      return "invalid device ordinal";
    case kNoKernelImage:
      return "no kernel image is available for execution on the device";
    case kIllegalAddress:
      return "an illegal memory access was encountered";
    case kLaunchFailure:
      return "unspecified launch failure";
    default:
      return "unknown error";
  }
}

}  // namespace

void raise(int error) {
  throw c10::AcceleratorError(
      {__func__, __FILE__, __LINE__}, error,
      "CUDA error: " + words(error) +
          "\nCUDA kernel errors might be asynchronously reported at some other API call, so the "
          "stacktrace below might be incorrect.");
}

}  // namespace simulated
