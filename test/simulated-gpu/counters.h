#pragma once

#include <cstdint>
#include <string>

// The work given to the devices, for SIMULATED_GPU_REPORT: JSON, written when the process ends by `exit`.
namespace simulated {

enum class Direction { kToDevice, kToHost, kOnDevice };

// Called once for each launch. Bytes are those of the operands, the minimum that the kernel has to move.
void count_kernel(int device, const std::string& name, int64_t bytes_read, int64_t bytes_written);
// An operator whose result's shape depends on its values, so that the simulation had to wait for it.
void count_wait(int device, const std::string& name);
void count_copy(int device, Direction direction, int64_t bytes, bool is_pinned);
// Memory that was newly page-locked.
void count_page_locked(int64_t bytes);

}  // namespace simulated
