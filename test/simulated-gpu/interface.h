#pragma once

// Called by the fake driver, which finds these by name in the process (dlsym): neither library links the other.
extern "C" {

// Runs `work(context)` late, in order, on the stream of this handle (null: the default stream of the thread's device);
// then `release(context)`, also if the device failed. Returns a cudaError_t.
int simulated_gpu_enqueue(void* stream_handle, void (*work)(void*), void (*release)(void*), void* context);

// Where a kernel finds the contents of an address of device or page-locked memory; null for other addresses.
void* simulated_gpu_visible(void* device_pointer);

// Counts a launch of a kernel; device: an ordinal, -1 for the thread's. Bytes: how many the kernel moves.
void simulated_gpu_count(int device, const char* kernel, long bytes_read, long bytes_written);

// The ordinal of the device whose context is the calling thread's; -1: none was opened.
int simulated_gpu_current(void);

// Bytes that this process holds on a GPU, and how busy the GPU was since the last call, in percent. `gpu` is the number
// in bus order, as in NVML. -1 for a GPU that this process does not use.
long long simulated_gpu_reserved(int gpu);
int simulated_gpu_utilisation(int gpu);
}
