#include "model/scratch_file.h"

#include <ATen/ops/from_blob.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error.h"

namespace virnucpro {
namespace {

constexpr int64_t kAlignment = 64;

[[noreturn]] void fail(const std::string& path, int error) {
  throw Error(code::kOutput, "Expected room for temporary weights beside " + path + " but received \"" +
                                 std::strerror(error) + "\". Free space there, or choose another folder.");
}

// The name is gone before anything is written.
FileDescriptor nameless_file(const std::string& path) {
  std::string name = path + ".weights-XXXXXX";
  FileDescriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.get() < 0 || ::unlink(name.c_str()) != 0) fail(path, errno);
  return file;
}

}  // namespace

ScratchFile::ScratchFile(const std::string& path, int64_t capacity)
    : path_(path), file_(nameless_file(path)), capacity_(capacity) {
  if (::ftruncate(file_.get(), capacity) != 0) fail(path, errno);
  const auto size = static_cast<size_t>(capacity);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file_.get(), 0);
  if (mapped == MAP_FAILED) fail(path, errno);
  mapping_.reset(static_cast<const std::byte*>(mapped),
                 [size](const std::byte* start) { ::munmap(const_cast<std::byte*>(start), size); });
}

int64_t ScratchFile::room(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

at::Tensor ScratchFile::keep(const at::Tensor& tensor) {
  const auto bytes = static_cast<int64_t>(tensor.nbytes());
  if (bytes > capacity_ - used_) fail(path_, ENOSPC);
  const auto* data = static_cast<const char*>(tensor.const_data_ptr());
  // Written, not stored through the mapping: there a full disk would be a signal instead of an error.
  for (int64_t done = 0; done < bytes;) {
    const ssize_t written = ::pwrite(file_.get(), data + done, static_cast<size_t>(bytes - done), used_ + done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(path_, written < 0 ? errno : ENOSPC);
    done += written;
  }
  auto* kept = const_cast<std::byte*>(mapping_.get()) + used_;
  used_ += room(bytes);
  return at::from_blob(kept, tensor.sizes(), [mapping = mapping_](void*) {}, tensor.options());
}

}  // namespace virnucpro
