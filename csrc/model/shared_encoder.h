#pragma once

#include <memory>
#include <string>

#include "model/encoder.h"

namespace virnucpro {

// A language model's encoder, loaded from its archive. On the CPU, packed encoders are shared by everyone who opens the
// same file in the same type: a second caller waits if necessary, and loads nothing. On other devices each caller has
// its own; callers that load the same file at the same time read it once and share its host memory. The torchscript
// engine shares nothing. Throws kModelInvalid, and kAborted if loading is cancelled.
std::shared_ptr<const Encoder> shared_encoder(const std::string& path, const Architecture& architecture,
                                              const Placement& placement, EngineKind engine, LoadingProgress& progress);

}  // namespace virnucpro
