#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "model/file_descriptor.h"

namespace virnucpro {

// Tensors kept in a file without a name, so that more of them fit than memory holds: the system writes their pages out
// and drops them. The space is free again when the object and every tensor of it are gone, also after a crash.
class ScratchFile {
 public:
  // Beside `path`, room for `capacity` bytes. Throws kOutput.
  ScratchFile(const std::string& path, int64_t capacity);

  // A tensor with the same values, mapped for reading only. `tensor` is dense and on the CPU. Throws kOutput.
  at::Tensor keep(const at::Tensor& tensor);

  // What `bytes` take of the capacity.
  static int64_t room(int64_t bytes);

 private:
  std::string path_;
  FileDescriptor file_;
  int64_t capacity_;
  int64_t used_ = 0;
  std::shared_ptr<const std::byte> mapping_;
};

}  // namespace virnucpro
