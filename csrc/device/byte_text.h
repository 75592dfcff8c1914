#pragma once

#include <cstdint>
#include <string>

namespace virnucpro {

// For messages: `1.2 GiB`, `340 MiB`, `12 KiB`.
std::string byte_text(int64_t bytes);

}  // namespace virnucpro
