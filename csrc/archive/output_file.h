#pragma once

#include <cstddef>
#include <string>

#include "archive/file_descriptor.h"

namespace virnucpro {

// A file that is either written whole or removed.
class OutputFile {
 public:
  // Creates the file, and replaces an existing one. Throws kOutput.
  explicit OutputFile(std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  // Removes what was written, unless finish() has returned.
  ~OutputFile();

  // Never throws: the first failure is kept for finish(), and later data is dropped. libtorch's writer cannot be made
  // to stop: it keeps writing in its destructor, where an exception would end the process.
  void write(const void* data, size_t size) noexcept;

  // Waits until the bytes are on the disk. Throws kOutput for this or any earlier failure.
  void finish();

 private:
  [[noreturn]] void fail(int error) const;

  std::string path_;
  FileDescriptor file_;
  int error_ = 0;
  bool remove_ = false;
};

}  // namespace virnucpro
