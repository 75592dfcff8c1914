#include "model/masked_attention.h"

#include <ATen/ops/_scaled_dot_product_efficient_attention.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <map>
#include <tuple>

#include "model/operator_probe.h"

namespace virnucpro {

namespace {

// libtorch's memory-efficient kernel, called directly: on newer GPUs at::scaled_dot_product_attention would take
// cuDNN's, which spends a tenth of a second or more on planning for every new shape.
at::Tensor efficient_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask) {
  const auto everywhere = mask.expand({q.size(0), q.size(1), q.size(2), k.size(2)});
  return std::get<0>(at::_scaled_dot_product_efficient_attention(q, k, v, everywhere, /*compute_log_sumexp=*/false, 0.0,
                                                                 /*is_causal=*/false, /*scale=*/1.0));
}

at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask) {
  const auto logits = at::matmul(q, k.transpose(2, 3)).to(at::kFloat).add_(mask);
  return at::matmul(at::softmax(logits, 3).to(v.scalar_type()), v);
}

// Whether this GPU has the kernel for this type and head width.
bool tried(const at::Tensor& like) {
  const bool there = libtorch_can([&] {
    const auto one = at::zeros({1, 1, kKeyStep, like.size(3)}, like.options());
    efficient_attention(one, one, one, at::zeros({1, 1, 1, kKeyStep}, like.options()));
  });
  if (!there) {
    TORCH_WARN("This libtorch has no memory-efficient attention for heads of ", like.size(3), " values in ",
               like.scalar_type(), ": attention is computed in plain steps, which is slower");
  }
  return there;
}

bool has_efficient_attention(const at::Tensor& like) {
  // Per thread, as is its device.
  thread_local std::map<std::tuple<c10::DeviceIndex, at::ScalarType, int64_t>, bool> known;
  const auto key = std::make_tuple(like.device().index(), like.scalar_type(), like.size(3));
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  return known.emplace(key, tried(like)).first->second;
}

}  // namespace

at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask) {
  if (!q.is_cuda()) return at::scaled_dot_product_attention(q, k, v, mask, 0.0, false, 1.0);
  return has_efficient_attention(q) ? efficient_attention(q, k, v, mask) : plain_attention(q, k, v, mask);
}

}  // namespace virnucpro
