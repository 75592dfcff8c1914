#include "archive/scratch_file.h"

#include <ATen/ops/from_blob.h>
#include <c10/util/accumulate.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "error.h"

namespace virnucpro {
namespace {

constexpr int64_t kAlignment = 64;

[[noreturn]] void fail_scratch(const std::string& path, int error) {
  throw Error(code::kOutput, "Temporary weights beside " + path +
                                 " cannot be written: " + std::generic_category().message(error) +
                                 ". Free space there, or choose another folder.");
}

// The name is gone before anything is written.
FileDescriptor nameless_file(const std::string& path) {
  std::string name = path + ".weights-XXXXXX";
  FileDescriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.get() < 0 || ::unlink(name.c_str()) != 0) fail_scratch(path, errno);
  return file;
}

}  // namespace

ScratchFile::ScratchFile(const std::string& path, int64_t capacity)
    : path_(path), file_(nameless_file(path)), capacity_(capacity) {
  if (::ftruncate(file_.get(), capacity) != 0) fail_scratch(path, errno);
  const auto size = static_cast<size_t>(capacity);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file_.get(), 0);
  if (mapped == MAP_FAILED) fail_scratch(path, errno);
  mapping_.reset(static_cast<const std::byte*>(mapped),
                 [size](const std::byte* start) { ::munmap(const_cast<std::byte*>(start), size); });
}

int64_t ScratchFile::room(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

at::Tensor ScratchFile::reserve(c10::IntArrayRef shape, c10::ScalarType dtype) {
  const int64_t bytes = c10::multiply_integers(shape) * static_cast<int64_t>(c10::elementSize(dtype));
  if (room(bytes) > capacity_ - reserved_) fail_scratch(path_, ENOSPC);
  auto* start = const_cast<std::byte*>(mapping_.get()) + reserved_;
  written_ = reserved_;
  reserved_ += room(bytes);
  return at::from_blob(start, shape, [mapping = mapping_](void*) {}, at::TensorOptions().dtype(dtype));
}

void ScratchFile::append(const at::Tensor& piece) {
  const auto* data = static_cast<const char*>(piece.const_data_ptr());
  auto size = static_cast<int64_t>(piece.nbytes());
  if (size > reserved_ - written_) fail_scratch(path_, ENOSPC);
  // Written with pwrite, not through the mapping, where a full disk would be a signal instead of an error.
  while (size > 0) {
    const ssize_t done = ::pwrite(file_.get(), data, static_cast<size_t>(size), written_);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) fail_scratch(path_, done < 0 ? errno : ENOSPC);
    data += done;
    size -= done;
    written_ += done;
  }
}

}  // namespace virnucpro
