#include "interface.h"

#include <c10/util/Exception.h>

#include "counters.h"
#include "device.h"
#include "errors.h"
#include "pinned_memory.h"

using namespace simulated;

namespace {

Device* device_of_gpu(int gpu) {
  for (int index = 0; index < device_count(); ++index) {
    if (device(index).gpu().number == gpu) return device(index).is_open() ? &device(index) : nullptr;
  }
  return nullptr;
}

}  // namespace

int simulated_gpu_enqueue(void* stream_handle, void (*work)(void*), void (*release)(void*), void* context) {
  try {
    auto& stream = stream_handle == nullptr ? device(current_device()).stream(0) : *static_cast<Stream*>(stream_handle);
    stream.device().expect_kernels();
    stream.launch("enqueued", [work, context] { work(context); }, [release, context] { release(context); });
    return kSuccess;
  } catch (const c10::AcceleratorError& error) {
    release(context);
    return error.get_error_code();
  }
}

void* simulated_gpu_visible(void* device_pointer) {
  if (is_page_locked(device_pointer)) return device_pointer;
  return visible(device_pointer);
}

void simulated_gpu_count(int device, const char* kernel, long bytes_read, long bytes_written) {
  count_kernel(device < 0 ? current_device() : device, kernel, bytes_read, bytes_written);
}

int simulated_gpu_current(void) {
  const int index = current_device();
  return index < device_count() && device(index).is_open() ? index : -1;
}

long long simulated_gpu_reserved(int gpu) {
  auto* const found = device_of_gpu(gpu);
  return found == nullptr ? -1 : static_cast<long long>(found->memory().figures().reserved);
}

int simulated_gpu_utilisation(int gpu) {
  auto* const found = device_of_gpu(gpu);
  return found == nullptr ? -1 : found->utilisation();
}
