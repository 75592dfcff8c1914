#pragma once

#include <napi.h>

namespace virnucpro {

// What one JavaScript environment (the main one, or one worker thread's) holds of the addon.
struct Exports {
  Napi::FunctionReference worker;
};

}  // namespace virnucpro
