#include "device/byte_text.h"

#include <array>
#include <cstdio>

namespace virnucpro {

std::string byte_text(int64_t bytes) {
  constexpr double kGibibyte = 1 << 30;
  constexpr int64_t kMebibyte = 1 << 20;
  constexpr int64_t kKibibyte = 1 << 10;
  if (static_cast<double>(bytes) >= kGibibyte) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f GiB", static_cast<double>(bytes) / kGibibyte);
    return text.data();
  }
  if (bytes >= kMebibyte) return std::to_string(bytes / kMebibyte) + " MiB";
  return std::to_string((bytes + kKibibyte - 1) / kKibibyte) + " KiB";
}

}  // namespace virnucpro
