#pragma once

#include <memory>
#include <string>

#include "model/encoder.h"

namespace virnucpro {

// A language model's encoder, loaded from its archive. The packed encoders of the CPU are shared by all that open the
// same file in the same type at any time: whoever comes second waits, if need be, and loads nothing. On other devices
// each has its own; those that load the same file at the same time read it once and share its memory on the host. The
// torchscript engine shares nothing. Throws kModelInvalid; kAborted where the loading is cancelled.
std::shared_ptr<const Encoder> shared_encoder(const std::string& path, const Architecture& architecture,
                                              const Placement& placement, EngineKind engine, LoadingProgress& progress);

}  // namespace virnucpro
