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

// The parameters of an archive on the CPU, checked by name and shape against the architecture. libtorch maps no
// TorchScript archive: it copies every record into memory of its own, and the file comes from the disk once, however
// many read it, because the system keeps its pages. Throws kModelInvalid; kAborted where the loading is cancelled.
ParameterMap read_parameters(const std::string& path, const Architecture& architecture, LoadingProgress& progress);

// The archive's module in evaluation mode, its parameters checked in the same way.
torch::jit::Module read_module(const std::string& path, const Architecture& architecture, LoadingProgress& progress);

// Bytes of the archive's file; 0 when there is none.
int64_t archive_bytes(const std::string& path);

}  // namespace virnucpro
