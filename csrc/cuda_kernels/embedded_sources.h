#pragma once

#include <vector>

#include "cuda_kernels/kernel_sources.h"

namespace virnucpro {

// The files of source/, with their headers in them; written by the build (embed.cmake).
const std::vector<KernelSource>& embedded_sources();

}  // namespace virnucpro
