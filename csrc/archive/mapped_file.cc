#include "archive/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "archive/file_descriptor.h"
#include "error.h"

namespace virnucpro {
namespace {

[[noreturn]] void fail_mapping(const std::string& path, const std::string& reason) {
  throw Error(code::kCheckpoint, "Expected a readable file for the checkpoint but received " + path + " (" + reason +
                                     "). Check the path and its permissions.");
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer before the pipe could be refused.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) fail_mapping(path, std::generic_category().message(errno));
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) fail_mapping(path, std::generic_category().message(errno));
  if (!S_ISREG(status.st_mode)) fail_mapping(path, "not a regular file");
  const int64_t size = status.st_size;
  const void* data = nullptr;
  if (size > 0) {
    void* mapped = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (mapped == MAP_FAILED) fail_mapping(path, std::generic_category().message(errno));
    data = mapped;
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<const std::byte*>(data), size, path));
}

MappedFile::MappedFile(const std::byte* data, int64_t size, std::string path)
    : data_(data), size_(size), path_(std::move(path)) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size_));
}

}  // namespace virnucpro
