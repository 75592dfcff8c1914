#include "cuda_kernels/kernel_cache.h"

#include <unistd.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <system_error>

#include "leaked.h"

namespace virnucpro {

namespace {

// FNV-1a of 64 bits (Fowler, Noll, Vo): to distinguish a few kernels and to find damage, not to withstand an attack.
class Hash {
 public:
  void add(const std::string& text) {
    for (const char byte : text) value_ = (value_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    value_ = (value_ ^ text.size()) * 0x100000001b3;
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

uint64_t hash_of(const std::string& text) {
  Hash hash;
  hash.add(text);
  return hash.value();
}

std::string digits(uint64_t number) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016" PRIx64, number);
  return text.data();
}

// The first line of a file: what it is, and the hash of what follows.
std::string head_of(const std::string& bytes) { return "virnucpro kernel " + digits(hash_of(bytes)) + "\n"; }

struct Known {
  std::mutex mutex;
  std::map<uint64_t, std::string> images;
};

Known& known() {
  static Leaked<Known> made;
  return *made;
}

}  // namespace

KernelImage KernelCache::get(const std::vector<std::string>& words, const std::function<std::string()>& make) const {
  Hash hash;
  for (const auto& word : words) hash.add(word);
  const auto key = hash.value();
  // Held while compiling: the GPUs of a run open at the same time and want the same kernels.
  const std::lock_guard<std::mutex> lock(known().mutex);
  auto& images = known().images;
  if (const auto found = images.find(key); found != images.end()) return {key, found->second};
  auto bytes = read(key);
  if (!bytes) {
    bytes = make();
    write(key, *bytes);
  }
  images.emplace(key, *bytes);
  return {key, *std::move(bytes)};
}

std::string KernelCache::path_of(uint64_t key) const { return folder_ + "/" + digits(key) + ".kernel"; }

std::optional<std::string> KernelCache::read(uint64_t key) const {
  std::ifstream file(path_of(key), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto end = whole.find('\n');
  if (end == std::string::npos) return std::nullopt;
  auto bytes = whole.substr(end + 1);
  if (whole.compare(0, end + 1, head_of(bytes)) != 0) return std::nullopt;
  return bytes;
}

void KernelCache::write(uint64_t key, const std::string& bytes) const {
  std::error_code ignored;
  std::filesystem::create_directories(folder_, ignored);
  // Written under another name first, so that no process ever reads half a file.
  std::string unfinished = path_of(key) + ".XXXXXX";
  const int descriptor = ::mkstemp(unfinished.data());
  if (descriptor < 0) return;
  ::close(descriptor);
  std::ofstream file(unfinished, std::ios::binary);
  file << head_of(bytes) << bytes;
  file.close();
  if (file) std::filesystem::rename(unfinished, path_of(key), ignored);
  if (!file || ignored) std::filesystem::remove(unfinished, ignored);
}

}  // namespace virnucpro
