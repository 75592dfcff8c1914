#pragma once

#include <string>

namespace virnucpro {

// A number to two significant digits, e.g. 0.013: for the sizes of differences.
std::string two_digits(double number);

}  // namespace virnucpro
