#include "archive/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "error.h"

namespace virnucpro {
namespace {

// Linux writes at most about 2 GiB at once; smaller pieces keep the page cache even.
constexpr size_t kMaxWriteBytes = size_t{64} << 20;

// Unlinks an existing file instead of emptying it: whoever has it mapped, perhaps as a source of this very archive,
// keeps its bytes.
int create(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) ::unlink(path.c_str());
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)), file_(create(path_)) {
  if (file_.get() < 0) fail(errno);
  struct stat status = {};
  // A device or a pipe is not ours to remove.
  remove_ = ::fstat(file_.get(), &status) == 0 && S_ISREG(status.st_mode);
}

OutputFile::~OutputFile() {
  if (remove_) ::unlink(path_.c_str());
}

void OutputFile::write(const void* data, size_t size) noexcept {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0 && error_ == 0) {
    const ssize_t written = ::write(file_.get(), bytes, std::min(size, kMaxWriteBytes));
    if (written > 0) {
      bytes += written;
      size -= static_cast<size_t>(written);
    } else if (written == 0 || errno != EINTR) {
      error_ = written == 0 ? EIO : errno;
    }
  }
}

void OutputFile::finish() {
  // Some file systems report a full disk only here or on closing. EINVAL and ENOTSUP: there is nothing to sync.
  if (error_ == 0 && ::fsync(file_.get()) != 0 && errno != EINVAL && errno != ENOTSUP) error_ = errno;
  if (::close(file_.release()) != 0 && error_ == 0) error_ = errno;
  if (error_ != 0) fail(error_);
  remove_ = false;
}

void OutputFile::fail(int error) const {
  throw Error(code::kOutput, "The archive " + path_ + " cannot be written: " + std::generic_category().message(error) +
                                 ". Free space there, or choose another folder.");
}

}  // namespace virnucpro
