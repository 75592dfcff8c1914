#pragma once

#include <memory>
#include <string>

#include "archive/architecture.h"
#include "archive/loading_progress.h"
#include "archive/parameters.h"
#include "model/encoder.h"
#include "model/placement.h"

namespace virnucpro {

// The archive's own forward pass over a padded batch: the reference that the packed encoders are checked against. It
// fills no traces: it returns the last hidden state only.

// Throws kModelInvalid.
std::unique_ptr<Encoder> make_torchscript_encoder(const std::string& path, const Architecture& architecture,
                                                  const Placement& placement, LoadingProgress& progress);

// The forward pass of an archive with these parameters; it computes with copies of them.
std::unique_ptr<Encoder> make_torchscript_encoder(const ParameterMap& parameters, const Architecture& architecture,
                                                  const Placement& placement);

}  // namespace virnucpro
