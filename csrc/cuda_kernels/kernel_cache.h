#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace virnucpro {

// A compiled kernel; equal keys mean equal images.
struct KernelImage {
  uint64_t key;
  std::string bytes;
};

// Compiled kernels, kept in memory within the process and as files of a folder between runs. The key covers everything
// that an image depends on, so no image ever becomes stale. A damaged file is made anew; a folder that cannot be
// written keeps nothing.
class KernelCache {
 public:
  explicit KernelCache(std::string folder) : folder_(std::move(folder)) {}

  // The image for these words; calls `make` if there is none yet. Threads wait for each other, so that each image is
  // made once. Throws what `make` throws.
  KernelImage get(const std::vector<std::string>& words, const std::function<std::string()>& make) const;

 private:
  std::string path_of(uint64_t key) const;
  std::optional<std::string> read(uint64_t key) const;
  void write(uint64_t key, const std::string& bytes) const;

  std::string folder_;
};

}  // namespace virnucpro
