#include "number_text.h"

#include <sstream>

namespace virnucpro {

std::string two_digits(double number) {
  std::ostringstream text;
  text.precision(2);
  text << number;
  return text.str();
}

}  // namespace virnucpro
