#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>

#include "cpu_kernels/cpu_kernels.h"

namespace virnucpro {

// The kernels for tensors of this type on this device; null if it is not the CPU or this CPU has none.
const CpuKernels* kernels_for(c10::Device device, c10::ScalarType dtype);

// Calls `work(begin, end)` for ranges that together cover [0, count), on the threads that libtorch computes with.
// Throws kThreads if some of them were missing, since libtorch's products may have lacked them too.
void parallel_for(int64_t count, const std::function<void(int64_t, int64_t)>& work);

}  // namespace virnucpro
