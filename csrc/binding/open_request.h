#pragma once

#include <napi.h>

#include "device/open_request.h"

namespace virnucpro {

// Reads and checks the request that JavaScript passes to `openWorker`. Throws kArgument.
OpenRequest open_request_from(const Napi::Object& object);

}  // namespace virnucpro
