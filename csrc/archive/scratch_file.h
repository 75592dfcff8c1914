#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "archive/file_descriptor.h"

namespace virnucpro {

// Tensors kept in a file without a name, so that more of them fit than memory holds: the system writes their pages out
// and drops them. The space is free again when the object and every tensor of it are gone, also after a crash.
class ScratchFile {
 public:
  // Beside `path`, room for `capacity` bytes. Throws kOutput.
  ScratchFile(const std::string& path, int64_t capacity);

  // A tensor mapped for reading only; its values are those that the following calls of append bring, from the first on.
  // Throws kOutput when it exceeds the capacity.
  at::Tensor reserve(c10::IntArrayRef shape, c10::ScalarType dtype);

  // `piece` is dense, on the CPU and of the data type of the tensor that was reserved last. Throws kOutput.
  void append(const at::Tensor& piece);

  // What `bytes` take of the capacity.
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
