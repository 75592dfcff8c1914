#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace virnucpro {

// A file mapped for reading, for as long as the object lives. If another process truncates the file meanwhile, the next
// read beyond its end kills this process, as with any mapping.
class MappedFile {
 public:
  // Throws kCheckpoint when there is no such regular file or it cannot be mapped.
  static std::shared_ptr<const MappedFile> open(const std::string& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  // Null for an empty file.
  const std::byte* data() const { return data_; }
  int64_t size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(const std::byte* data, int64_t size, std::string path);

  const std::byte* data_;
  int64_t size_;
  std::string path_;
};

}  // namespace virnucpro
