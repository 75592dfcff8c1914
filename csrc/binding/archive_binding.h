#pragma once

#include <napi.h>

namespace virnucpro {

// parametersOf(architecture)
Napi::Value parameters_of_binding(const Napi::CallbackInfo& info);
// writeArchive(request): Promise<void>
Napi::Value write_archive_binding(const Napi::CallbackInfo& info);

}  // namespace virnucpro
