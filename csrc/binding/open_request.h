#pragma once

#include <napi.h>

#include "device/pipeline_models.h"

namespace virnucpro {

// `OpenRequest` of lib/engine/addon.ts, without what listens and is listened to. Throws kArgument.
OpenRequest open_request_from(const Napi::Object& object);

}  // namespace virnucpro
