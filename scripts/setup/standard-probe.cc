// Compiles wherever the addon does: setup asks before it downloads anything.
#include <filesystem>
#include <optional>
#include <string_view>

template <typename... Values>
constexpr auto sum(Values... values) {
  return (values + ...);
}

int main() {
  const std::optional<std::string_view> text = "text";
  if constexpr (sum(1, 2) == 3) return static_cast<int>(text->size()) - 4;
}
