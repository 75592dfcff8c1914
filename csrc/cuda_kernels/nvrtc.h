#pragma once

#include <string>
#include <vector>

#include "optional_library.h"

namespace virnucpro {

struct NvrtcFiles {
  std::string library;   // path or name
  std::string builtins;  // path; empty: NVRTC finds them by itself
};

// CUDA's own compiler as a library (NVRTC), which is installed with a CUDA build of libtorch. It needs no GPU.
class Nvrtc {
 public:
  // Throws std::runtime_error if it is missing or too old.
  explicit Nvrtc(const NvrtcFiles& files);

  // E.g. 13.0.
  const std::string& version() const { return version_; }

  // The value of --gpu-architecture for a GPU of this compute capability (90 for 9.0): its own machine code, or, for a
  // GPU newer than this NVRTC, PTX that the driver compiles. Throws std::runtime_error for a GPU that is too old.
  std::string architecture_for(int capability) const;

  // Returns what the driver loads: machine code, or PTX for a `compute_` architecture. Throws std::runtime_error with
  // the compiler's first line of error.
  std::string compile(const std::string& name, const std::string& source,
                      const std::vector<std::string>& options) const;

 private:
  using Program = void*;

  std::string image_of(Program program, bool machine_code) const;
  std::string complaint_of(Program program) const;

  OptionalLibrary builtins_;
  OptionalLibrary library_;
  std::string version_;
  int (*get_version_)(int*, int*) = nullptr;
  int (*count_architectures_)(int*) = nullptr;
  int (*get_architectures_)(int*) = nullptr;
  int (*create_)(Program*, const char*, const char*, int, const char* const*, const char* const*) = nullptr;
  int (*compile_)(Program, int, const char* const*) = nullptr;
  int (*destroy_)(Program*) = nullptr;
  int (*get_log_size_)(Program, size_t*) = nullptr;
  int (*get_log_)(Program, char*) = nullptr;
  int (*get_cubin_size_)(Program, size_t*) = nullptr;
  int (*get_cubin_)(Program, char*) = nullptr;
  int (*get_ptx_size_)(Program, size_t*) = nullptr;
  int (*get_ptx_)(Program, char*) = nullptr;
};

}  // namespace virnucpro
