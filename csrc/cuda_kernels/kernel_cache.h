#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace virnucpro {

// What a kernel was compiled to; it is the same image wherever the key is the same.
struct KernelImage {
  uint64_t key;
  std::string bytes;
};

// Compiled kernels, kept between runs as files of a folder and within the process in memory. All that an image depends
// on is in its key, so nothing ever has to be thrown away. A file that is damaged is made anew, and a folder that
// cannot be written keeps nothing.
class KernelCache {
 public:
  explicit KernelCache(std::string folder) : folder_(std::move(folder)) {}

  // The image for these words; `make` is called where it is not there. Threads that ask for the same wait for each
  // other. Throws what `make` throws.
  KernelImage get(const std::vector<std::string>& words, const std::function<std::string()>& make) const;

 private:
  std::string path_of(uint64_t key) const;
  std::optional<std::string> read(uint64_t key) const;
  void write(uint64_t key, const std::string& bytes) const;

  std::string folder_;
};

}  // namespace virnucpro
