#pragma once

#include <string>

namespace virnucpro {

// Two digits of a number, e.g. 0.013: for the sizes of differences.
std::string two_digits(double number);

}  // namespace virnucpro
