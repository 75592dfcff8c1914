// CUDA on the host, for the kernels of csrc/cuda_kernels/source: included before a kernel's source, which then is C++,
// with EMULATED_KERNEL(name) after it.
//
// The threads of a block are fibers that run in a chosen order from one barrier, shuffle or matrix product to the next.
// A result that depends on the order reveals a race. A barrier that some threads do not reach ends the process with a
// message. Shared memory holds NaNs until it is written, and ends at an inaccessible page.
#pragma once

#include "block.h"
#include "numbers.h"
#include "warp_matrix.h"

#define __global__
#define __device__
#define __forceinline__ inline

#define threadIdx (emulation::state.thread)
#define blockIdx (emulation::state.block)
#define blockDim (emulation::state.threads)
#define gridDim (emulation::state.blocks)
#define __syncthreads() emulation::Block::current().wait_for_block(__LINE__)
#define __syncwarp() emulation::Block::current().exchange(__LINE__, 0, 0)
#define __shfl_xor_sync(mask, value, distance) emulation::shuffled(__LINE__, mask, value, distance)

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

inline int min(int a, int b) { return a < b ? a : b; }

template <typename T>
T& shared() {
  return emulation::shared_memory<T>();
}

template <typename T>
T load(const T* address, bool again = false) {
  emulation::check_aligned(address, sizeof(T));
  (again ? emulation::state.traffic.reused : emulation::state.traffic.read) += sizeof(T);
  return *address;
}

template <typename T>
void store(T* address, const T& value) {
  emulation::check_aligned(address, sizeof(T));
  emulation::state.traffic.written += sizeof(T);
  *address = value;
}

// Translates a device address in an argument to the host's.
using Visible = void* (*)(void*);

namespace emulation {

template <typename T>
T argument(void* address, Visible visible) {
  T value = *static_cast<T*>(address);
  if constexpr (std::is_pointer_v<T>) {
    void* const pointer = const_cast<void*>(static_cast<const void*>(value));
    return pointer == nullptr ? nullptr : static_cast<T>(visible(pointer));
  } else {
    return value;
  }
}

template <typename... Parameters, size_t... index>
void run(void (*kernel)(Parameters...), void** arguments, const LaunchShape& shape, Visible visible, Traffic& traffic,
         std::index_sequence<index...>) {
  const std::tuple<Parameters...> values{argument<Parameters>(arguments[index], visible)...};
  const std::function<void()> thread = [&] { std::apply(kernel, values); };
  run_grid(shape, thread, traffic);
}

template <typename... Parameters>
void run(void (*kernel)(Parameters...), void** arguments, const LaunchShape& shape, Visible visible, Traffic& traffic) {
  run(kernel, arguments, shape, visible, traffic, std::index_sequence_for<Parameters...>());
}

template <typename... Parameters>
constexpr std::array<unsigned, sizeof...(Parameters) + 1> argument_sizes(void (*)(Parameters...)) {
  return {sizeof(Parameters)..., 0};
}

}  // namespace emulation

// Exports of a library compiled with -fvisibility=hidden: emulate_<kernel> runs a launch on the calling thread;
// emulated_argument_sizes_<kernel> ends with 0. emulate_in_order sets the order of the calling thread's launches: 0
// forward, 1 backward, otherwise random with this seed.
#define EMULATED_KERNEL(name)                                                                                       \
  extern "C" {                                                                                                      \
  __attribute__((visibility("default"))) extern const auto emulated_argument_sizes_##name =                         \
      emulation::argument_sizes(name);                                                                              \
  __attribute__((visibility("default"))) void emulate_##name(void** arguments, const emulation::LaunchShape* shape, \
                                                             Visible visible, emulation::Traffic* traffic) {        \
    emulation::run(name, arguments, *shape, visible, *traffic);                                                     \
  }                                                                                                                 \
  __attribute__((visibility("default"))) void emulate_in_order(uint64_t order) { emulation::state.order = order; }  \
  }
