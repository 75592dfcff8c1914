// A device's tensors: made, resized, viewed, copied and read. Everything else is in operators.cc.
#include <ATen/EmptyTensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/library.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "counters.h"
#include "device.h"
#include "kernel.h"
#include "pinned_memory.h"

namespace simulated {

namespace {

using MaybeType = std::optional<at::ScalarType>;
using MaybeLayout = std::optional<at::Layout>;
using MaybeDevice = std::optional<at::Device>;
using MaybePinned = std::optional<bool>;
using MaybeFormat = std::optional<at::MemoryFormat>;

// Makes a device current, since the allocator uses the thread's device.
class CurrentDevice {
 public:
  explicit CurrentDevice(int index) : before_(current_device()) { set_current_device(index); }
  ~CurrentDevice() { set_current_device(before_); }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  const int before_;
};

int index_of(MaybeDevice device) { return device && device->has_index() ? device->index() : current_device(); }

const c10::DispatchKeySet kKeys(c10::DispatchKey::CUDA);

at::Tensor empty(at::IntArrayRef sizes, MaybeType type, MaybeLayout, MaybeDevice device, MaybePinned,
                 MaybeFormat format) {
  const CurrentDevice here(index_of(device));
  return at::detail::empty_generic(sizes, c10::getDeviceAllocator(c10::kCUDA), kKeys, type.value_or(at::kFloat),
                                   format);
}

at::Tensor empty_strided(at::IntArrayRef sizes, at::IntArrayRef strides, MaybeType type, MaybeLayout,
                         MaybeDevice device, MaybePinned) {
  return make_tensor(sizes, strides, type.value_or(at::kFloat), index_of(device));
}

at::Tensor view_bytes(void* data, const at::Tensor& like) {
  if (like.numel() == 0) return at::empty(like.sizes(), like.scalar_type());
  return at::from_blob(data, like.sizes(), like.strides(), at::TensorOptions(like.scalar_type()));
}

// From the start of the storage, so that views of one tensor overlap as they do on the device.
void* start_of(const at::Tensor& tensor) {
  auto* const first = static_cast<char*>(const_cast<void*>(tensor.storage().data()));
  return first + tensor.storage_offset() * static_cast<int64_t>(tensor.element_size());
}

void copy_on_devices(const at::Tensor& to, const at::Tensor& from) {
  const int owner = from.get_device();
  if (to.get_device() != owner) device(owner).drain();
  count_copy(owner, Direction::kOnDevice, bytes_of(to), false);
  launch_kernel(to.get_device(), "copy_", bytes_of(from), bytes_of(to),
                [seen_to = seen_by_kernel(to), seen_from = seen_by_kernel(from)] {
                  seen_to.copy_(seen_from.expand(seen_to.sizes()));
                });
}

void copy_to_device(const at::Tensor& to, const at::Tensor& host, bool non_blocking) {
  auto& owner = device(to.get_device());
  auto& stream = current_stream(owner.index());
  const c10::Stream used(c10::Stream::UNSAFE, to.device(), stream.id());
  const bool is_pinned = record_use(host.storage().data_ptr(), used);
  count_copy(owner.index(), Direction::kToDevice, bytes_of(to), is_pinned);
  owner.open();
  // Not the host's tensor, which would keep its memory alive: page-locked memory has to be guarded against just that.
  stream.launch("copy to the device", [seen = seen_by_kernel(to), from = view_bytes(start_of(host), host)] {
    seen.copy_(from.expand(seen.sizes()));
  });
  if (!non_blocking || !is_pinned) stream.drain();
}

void copy_to_host(const at::Tensor& host, const at::Tensor& from, bool non_blocking) {
  auto& owner = device(from.get_device());
  auto& stream = current_stream(owner.index());
  const c10::Stream used(c10::Stream::UNSAFE, from.device(), stream.id());
  const bool is_pinned = record_use(host.storage().data_ptr(), used);
  count_copy(owner.index(), Direction::kToHost, bytes_of(from), is_pinned);
  owner.open();
  const auto to = view_bytes(start_of(host), host);
  // Reading it before the copy is done gives wrong results at once.
  if (is_pinned && host.is_contiguous()) std::memset(start_of(host), 0xFF, host.nbytes());
  stream.launch("copy to the host", [to, seen = seen_by_kernel(from)] { to.copy_(seen.expand(to.sizes())); });
  if (!non_blocking || !is_pinned) stream.drain();
}

at::Tensor& copy_(at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  if (self.numel() == 0) return self;
  if (self.is_cuda() && source.is_cuda()) {
    copy_on_devices(self, source);
  } else if (self.is_cuda()) {
    copy_to_device(self, source, non_blocking);
  } else {
    copy_to_host(self, source, non_blocking);
  }
  return self;
}

at::Tensor copy_from(const at::Tensor& self, const at::Tensor& destination, bool non_blocking) {
  auto to = destination;
  copy_(to, self, non_blocking);
  return destination;
}

at::Tensor copy_from_and_resize(const at::Tensor& self, const at::Tensor& destination) {
  resize_tensor(destination, self.sizes());
  return copy_from(self, destination, false);
}

at::Scalar item(const at::Tensor& tensor) {
  const int owner = tensor.get_device();
  count_wait(owner, "item");
  count_copy(owner, Direction::kToHost, static_cast<int64_t>(tensor.element_size()), false);
  current_stream(owner).drain();
  return seen_by_kernel(tensor).item();
}

const at::Tensor& resize_(const at::Tensor& tensor, at::IntArrayRef sizes, MaybeFormat) {
  resize_tensor(tensor, sizes);
  return tensor;
}

}  // namespace

at::Tensor seen_by_kernel(const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  if (!tensor.is_cuda()) return tensor.clone();
  return view_bytes(visible(start_of(tensor)), tensor);
}

int64_t bytes_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return 0;
  int64_t elements = 1;
  for (int64_t dim = 0; dim < tensor.dim(); ++dim) {
    if (tensor.stride(dim) != 0 || tensor.size(dim) == 0) elements *= tensor.size(dim);
  }
  return elements * static_cast<int64_t>(tensor.element_size());
}

void launch_kernel(int index, const std::string& name, int64_t bytes_read, int64_t bytes_written,
                   std::function<void()> work) {
  auto& owner = device(index);
  owner.open();
  owner.expect_kernels();
  owner.expect_room_for_cublas();
  count_kernel(index, name, bytes_read, bytes_written);
  current_stream(index).launch(name, std::move(work));
}

at::Tensor make_tensor(at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType type, int device) {
  const CurrentDevice here(device);
  return at::detail::empty_strided_generic(sizes, strides, c10::getDeviceAllocator(c10::kCUDA), kKeys, type);
}

void resize_tensor(const at::Tensor& tensor, at::IntArrayRef sizes) {
  int64_t elements = 1;
  for (const auto size : sizes) elements *= size;
  const auto bytes = static_cast<size_t>((tensor.storage_offset() + elements) * tensor.element_size());
  if (bytes > tensor.storage().nbytes()) {
    const CurrentDevice here(tensor.get_device());
    tensor.storage().set_data_ptr_noswap(c10::getDeviceAllocator(c10::kCUDA)->allocate(bytes));
    tensor.storage().set_nbytes(bytes);
  }
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
}

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("empty.memory_format", empty);
  library.impl("empty_strided", empty_strided);
  library.impl("copy_", copy_);
  library.impl("_copy_from", copy_from);
  library.impl("_copy_from_and_resize", copy_from_and_resize);
  library.impl("_local_scalar_dense", item);
  library.impl("resize_", resize_);
  library.impl("as_strided", at::native::as_strided_tensorimpl);
  library.impl("view", [](const at::Tensor& self, at::IntArrayRef sizes) { return at::native::view(self, sizes); });
  library.impl("_reshape_alias", [](const at::Tensor& self, at::IntArrayRef sizes, at::IntArrayRef strides) {
    return at::native::_reshape_alias(self, sizes, strides);
  });
}

}  // namespace simulated
