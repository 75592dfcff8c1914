#include "model/device_kernels.h"

#include <ATen/ops/empty.h>

#include "cuda_kernels/kernel_calls.h"

namespace virnucpro {

namespace {

// The kernels read memory 16 bytes at a time.
constexpr uintptr_t kAccessBytes = 16;

bool lies_well(const at::Tensor& tensor) {
  return tensor.is_contiguous() && reinterpret_cast<uintptr_t>(tensor.const_data_ptr()) % kAccessBytes == 0;
}

const void* data_of(const at::Tensor& tensor) { return tensor.defined() ? tensor.const_data_ptr() : nullptr; }

const float* floats_of(const at::Tensor& tensor) { return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr; }

}  // namespace

bool DeviceKernels::takes(const at::Tensor& tensor) const {
  return !tensor.defined() || (tensor.scalar_type() == dtype_ && lies_well(tensor));
}

template <typename Call>
bool DeviceKernels::done(const char* name, const Call& call) const {
  if (!has(name) || !call.fits()) return false;
  call.launch(*launcher_);
  return true;
}

bool DeviceKernels::rotate(const at::Tensor& heads, const at::Tensor& cosine, const at::Tensor& sine,
                           const at::Tensor& places) const {
  if (!takes(heads)) return false;
  const RotaryCall call{heads.mutable_data_ptr(),
                        floats_of(cosine),
                        floats_of(sine),
                        places.const_data_ptr<int32_t>(),
                        heads.size(0),
                        heads.size(2),
                        heads.size(3)};
  return done(kRotary, call);
}

at::Tensor DeviceKernels::add_norm(const at::Tensor& hidden, const at::Tensor& update, const at::Tensor& weight,
                                   const at::Tensor& bias, double epsilon, bool keeps_normal) const {
  if (!takes(update) || !lies_well(hidden) || !has(kAddNorm)) return {};
  const auto normal = at::empty(hidden.sizes(), hidden.options().dtype(dtype_));
  const AddNormCall call{hidden.mutable_data_ptr<float>(),
                         data_of(update),
                         floats_of(weight),
                         floats_of(bias),
                         normal.mutable_data_ptr(),
                         hidden.size(0),
                         hidden.size(1),
                         static_cast<float>(epsilon),
                         keeps_normal};
  return done(kAddNorm, call) ? normal : at::Tensor();
}

bool DeviceKernels::bias_gelu(const at::Tensor& product, const at::Tensor& bias) const {
  if (!takes(product) || !takes(bias)) return false;
  const BiasGeluCall call{product.mutable_data_ptr(), data_of(bias), product.size(0), product.size(1)};
  return done(kBiasGelu, call);
}

at::Tensor DeviceKernels::gelu_times(const at::Tensor& gated) const {
  if (!takes(gated) || !has(kGeluTimes)) return {};
  const auto output = at::empty({gated.size(0), gated.size(1) / 2}, gated.options());
  const GeluTimesCall call{gated.const_data_ptr(), output.mutable_data_ptr(), output.size(0), output.size(1)};
  return done(kGeluTimes, call) ? output : at::Tensor();
}

at::Tensor DeviceKernels::sequence_mean(const at::Tensor& hidden, const at::Tensor& first,
                                        const at::Tensor& last) const {
  if (!lies_well(hidden) || !has(kSequenceMean)) return {};
  const auto means = at::empty({first.size(0), hidden.size(1)}, hidden.options());
  const SequenceMeanCall call{floats_of(hidden),
                              first.const_data_ptr<int32_t>(),
                              last.const_data_ptr<int32_t>(),
                              means.mutable_data_ptr<float>(),
                              means.size(0),
                              means.size(1)};
  return done(kSequenceMean, call) ? means : at::Tensor();
}

bool DeviceKernels::attends_alibi(int64_t sequences, int64_t longest, int64_t heads, int64_t head_width) const {
  AlibiAttentionCall call{};
  call.sequences = sequences;
  call.longest = longest;
  call.heads = heads;
  call.head_width = head_width;
  return has(kAlibiAttention) && call.fits();
}

at::Tensor DeviceKernels::alibi_attention(const at::Tensor& query_key_value, const at::Tensor& offsets,
                                          const at::Tensor& slopes, int64_t longest) const {
  if (!takes(query_key_value) || !has(kAlibiAttention)) return {};
  const auto heads = query_key_value.size(2);
  const auto head_width = query_key_value.size(3);
  const auto output = at::empty({query_key_value.size(0), heads * head_width}, query_key_value.options());
  const AlibiAttentionCall call{query_key_value.const_data_ptr(),
                                offsets.const_data_ptr<int32_t>(),
                                floats_of(slopes),
                                output.mutable_data_ptr(),
                                offsets.size(0) - 1,
                                longest,
                                heads,
                                head_width};
  return done(kAlibiAttention, call) ? output : at::Tensor();
}

}  // namespace virnucpro
