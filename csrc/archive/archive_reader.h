#pragma once

#include <cstdint>
#include <string>

#include "archive/architecture.h"
#include "archive/loading_progress.h"
#include "archive/parameters.h"

namespace torch::jit {
struct Module;
}

namespace virnucpro {

// The parameters of an archive on the CPU, checked by name and shape against the architecture. libtorch does not map
// TorchScript archives: it copies every record into its own memory. The file is read from disk only once, however many
// readers there are, because the system caches its pages. Throws kModelInvalid, and kAborted if loading is cancelled.
ParameterMap read_parameters(const std::string& path, const Architecture& architecture, LoadingProgress& progress);

// The archive's module in evaluation mode, its parameters checked in the same way.
torch::jit::Module read_module(const std::string& path, const Architecture& architecture, LoadingProgress& progress);

// Bytes of the archive's file; 0 when there is none.
int64_t archive_bytes(const std::string& path);

}  // namespace virnucpro
