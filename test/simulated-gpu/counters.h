#pragma once

#include <cstdint>
#include <string>

// What the devices were given to do, for SIMULATED_GPU_REPORT: JSON, written when the process ends by `exit`.
namespace simulated {

enum class Direction { kToDevice, kToHost, kOnDevice };

// Once for each launch. Bytes are those of the operands: what a kernel has to move at least.
void count_kernel(int device, const std::string& name, int64_t bytes_read, int64_t bytes_written);
// An operator that the simulation had to wait for, because nobody knows its result's shape before.
void count_wait(int device, const std::string& name);
void count_copy(int device, Direction direction, int64_t bytes, bool is_pinned);
// Memory that had to be page-locked anew.
void count_page_locked(int64_t bytes);

}  // namespace simulated
