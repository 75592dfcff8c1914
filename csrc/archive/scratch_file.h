#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "archive/file_descriptor.h"

namespace virnucpro {

// Keeps tensors in an unnamed file, so that they may exceed memory: the system writes their pages out and drops them.
// The space is freed once the object and all its tensors are gone, even after a crash.
class ScratchFile {
 public:
  // Creates the file beside `path`, with room for `capacity` bytes. Throws kOutput.
  ScratchFile(const std::string& path, int64_t capacity);

  // A tensor mapped for reading only; the calls of append that follow fill in its values, from the first on. Throws
  // kOutput when it exceeds the capacity.
  at::Tensor reserve(c10::IntArrayRef shape, c10::ScalarType dtype);

  // `piece` is dense, on the CPU and of the data type of the tensor reserved last. Throws kOutput.
  void append(const at::Tensor& piece);

  // How much of the capacity `bytes` take.
  static int64_t room(int64_t bytes);

 private:
  std::string path_;
  FileDescriptor file_;
  int64_t capacity_;
  int64_t reserved_ = 0;
  int64_t written_ = 0;
  std::shared_ptr<const std::byte> mapping_;
};

}  // namespace virnucpro
