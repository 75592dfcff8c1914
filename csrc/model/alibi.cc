#include "model/alibi.h"

#include <cmath>

namespace virnucpro {

namespace {

std::vector<float> power_of_two_slopes(int64_t heads) {
  const double base = std::pow(2.0, -8.0 / static_cast<double>(heads));
  std::vector<float> slopes;
  for (int64_t i = 1; i <= heads; ++i) slopes.push_back(static_cast<float>(std::pow(base, static_cast<double>(i))));
  return slopes;
}

}  // namespace

std::vector<float> alibi_slopes(int64_t heads) {
  int64_t lower = 1;
  while (lower * 2 <= heads) lower *= 2;
  auto slopes = power_of_two_slopes(lower);
  if (lower == heads) return slopes;
  const auto higher = power_of_two_slopes(lower * 2);
  for (int64_t i = 0; i < heads - lower; ++i) slopes.push_back(higher[static_cast<size_t>(2 * i)]);
  return slopes;
}

}  // namespace virnucpro
