#pragma once

#include <dlfcn.h>

namespace virnucpro {

// A library that the addon can do without. Functions are looked up by name; a function is null if it, or the whole
// library, is missing.
class OptionalLibrary {
 public:
  // Never closed: other code in the process uses it too, and threads may still be inside it when the process ends.
  explicit OptionalLibrary(const char* name) : library_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {}

  template <typename Function>
  void find(Function& function, const char* name) const {
    function = library_ == nullptr ? nullptr : reinterpret_cast<Function>(dlsym(library_, name));
  }

 private:
  void* library_;
};

// The success code of both the CUDA driver and NVML.
inline constexpr int kDriverSuccess = 0;

template <typename Function, typename... Arguments>
bool succeeds(Function function, Arguments... arguments) {
  return function != nullptr && function(arguments...) == kDriverSuccess;
}

}  // namespace virnucpro
