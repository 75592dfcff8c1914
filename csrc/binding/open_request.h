#pragma once

#include <napi.h>

#include "device/pipeline_models.h"

namespace virnucpro {

// `OpenRequest` of lib/engine/addon.ts, without its callback and signals. Throws kArgument.
OpenRequest open_request_from(const Napi::Object& object);

}  // namespace virnucpro
