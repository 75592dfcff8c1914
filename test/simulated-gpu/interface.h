#pragma once

// What the fake driver calls: found by name in the process (dlsym), because neither library is linked to the other.
extern "C" {

// Runs `work(context)` on the stream of this handle (null: the default stream of the thread's device), late and in its
// order; then, or where the device failed, `release(context)`. Returns a cudaError_t.
int simulated_gpu_enqueue(void* stream_handle, void (*work)(void*), void (*release)(void*), void* context);

// Where a kernel finds what lies at an address that a tensor of a device, or page-locked memory, has; null for others.
void* simulated_gpu_visible(void* device_pointer);

// Counts a launch of a kernel; device: an ordinal, -1 for the thread's. Bytes are those that it moves.
void simulated_gpu_count(int device, const char* kernel, long bytes_read, long bytes_written);

// The ordinal of the device whose context is the calling thread's; -1: none was opened.
int simulated_gpu_current(void);

// Bytes that this process holds of a GPU, and how busy it was since this was last asked, in percent. `gpu` is the
// number in bus order, as NVML counts. -1 for a GPU that this process does not use.
long long simulated_gpu_reserved(int gpu);
int simulated_gpu_utilisation(int gpu);
}
