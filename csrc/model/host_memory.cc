#include "model/host_memory.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <exception>

#include "failure_description.h"

namespace virnucpro {

namespace {

// How libtorch frees page-locked memory.
std::atomic<c10::DeleterFnPtr> give_back{nullptr};

// Of memory that a device was to read or write, libtorch asks the device where it is. What a lost one answers must not
// leave a destructor, which would end the process: such memory stays taken.
void give_back_if_possible(void* block) {
  try {
    give_back.load()(block);
  } catch (const c10::Error&) {
  }
}

// One pool serves all GPUs, and whoever takes memory from it asks first where they are with what was freed; a lost one
// answers once for every block with its failure, which is none of this thread's device.
at::Tensor page_locked(at::IntArrayRef sizes, at::ScalarType type) {
  constexpr int kMostBlocks = 256;
  for (int attempt = 1;; ++attempt) {
    try {
      return at::empty(sizes, at::TensorOptions(at::kCPU).dtype(type).pinned_memory(true));
    } catch (const c10::AcceleratorError&) {
      if (attempt == kMostBlocks || is_out_of_memory(std::current_exception())) throw;
    }
  }
}

}  // namespace

at::Tensor host_memory(at::IntArrayRef sizes, at::ScalarType type, at::Device device) {
  if (!device.is_cuda()) return at::empty(sizes, at::TensorOptions(at::kCPU).dtype(type));
  auto memory = page_locked(sizes, type);
  auto& data = memory.storage().unsafeGetStorageImpl()->mutable_data_ptr();
  const auto deleter = data.get_deleter();
  give_back = deleter;
  TORCH_CHECK(data.compare_exchange_deleter(deleter, &give_back_if_possible));
  return memory;
}

at::Tensor to_device(const at::Tensor& host, at::Device device) { return host.to(device, /*non_blocking=*/true); }

at::Tensor to_host(const at::Tensor& tensor) {
  if (tensor.device().is_cpu()) return tensor;
  auto host = host_memory(tensor.sizes(), tensor.scalar_type(), tensor.device());
  return host.copy_(tensor, /*non_blocking=*/true);
}

}  // namespace virnucpro
