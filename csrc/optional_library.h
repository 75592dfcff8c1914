#pragma once

#include <dlfcn.h>

namespace virnucpro {

// A library that the addon does without where it is missing: its functions are looked up by name, and one that is not
// there, or a library that is null, gives null.
class OptionalLibrary {
 public:
  // Never closed: others in the process hold it too, and threads may be in it when the process ends.
  explicit OptionalLibrary(const char* name) : library_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {}

  template <typename Function>
  void find(Function& function, const char* name) const {
    function = library_ == nullptr ? nullptr : reinterpret_cast<Function>(dlsym(library_, name));
  }

 private:
  void* library_;
};

// Of the CUDA driver and of NVML alike.
inline constexpr int kDriverSuccess = 0;

template <typename Function, typename... Arguments>
bool succeeds(Function function, Arguments... arguments) {
  return function != nullptr && function(arguments...) == kDriverSuccess;
}

}  // namespace virnucpro
