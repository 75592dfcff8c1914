// The fused attention kernels of libtorch's CUDA half, with the checks that these kernels make (2.11,
// aten/src/ATen/native/transformers/cuda/attention.cu and the headers of both kernels).
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/library.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "device.h"
#include "kernel.h"

namespace simulated {

namespace {

using MaybeTensor = std::optional<at::Tensor>;

constexpr int64_t kFlashStep = 8;  // of a head's width, and of strides: 16 bytes of a 16-bit type
constexpr int64_t kFlashWidest = 256;
constexpr int64_t kFlashLeastCapability = 80;

at::Tensor nothing(at::ScalarType type) { return at::empty({0}, type); }

void check_offsets(const MaybeTensor& offsets, const char* name) {
  TORCH_CHECK(offsets && offsets->defined() && offsets->is_cuda(), name, " must be a CUDA tensor");
  TORCH_CHECK(offsets->scalar_type() == at::kInt, name, " must have dtype int32");
  TORCH_CHECK(offsets->is_contiguous(), name, " must be contiguous");
}

// Packed sequences: [tokens, heads, width]; their offsets: [sequences + 1].
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> flash_attention(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const MaybeTensor& query_offsets,
    const MaybeTensor& key_offsets, int64_t longest_query, int64_t /*longest_key*/, double dropout, bool is_causal,
    bool /*debug_mask*/, std::optional<double> scale, std::optional<int64_t> /*window_left*/,
    std::optional<int64_t> /*window_right*/, const MaybeTensor& /*used_keys*/, const MaybeTensor& alibi) {
  const int owner = query.get_device();
  TORCH_CHECK(device(owner).gpu().capability >= kFlashLeastCapability,
              "FlashAttention only supports Ampere GPUs or newer.");
  const auto type = query.scalar_type();
  TORCH_CHECK(type == at::kHalf || type == at::kBFloat16, "FlashAttention only support fp16 and bf16 data type");
  TORCH_CHECK(key.scalar_type() == type && value.scalar_type() == type, "query and key must have the same dtype");
  check_offsets(query_offsets, "cu_seqlens_q");
  check_offsets(key_offsets, "cu_seqlens_k");
  TORCH_CHECK(!alibi && dropout == 0 && !is_causal, "This build of flash attention does not support alibi");
  const auto width = query.size(2);
  TORCH_CHECK(width % kFlashStep == 0 && width <= kFlashWidest, "head_size should be a multiple of 8");
  for (const auto* tensor : {&query, &key, &value}) {
    TORCH_CHECK(tensor->stride(-1) == 1, "Input tensor must have contiguous last dimension");
    TORCH_CHECK(tensor->storage_offset() % kFlashStep == 0 && tensor->stride(0) % kFlashStep == 0 &&
                    tensor->stride(1) % kFlashStep == 0,
                "Input tensor must be aligned to 16 bytes");
  }
  const auto output = make_tensor(query.sizes(), {query.size(1) * width, width, 1}, type, owner);
  const auto work = [=, q = seen_by_kernel(query), k = seen_by_kernel(key), v = seen_by_kernel(value),
                     result = seen_by_kernel(output), offsets = seen_by_kernel(*query_offsets)] {
    const auto* begin = offsets.const_data_ptr<int>();
    for (int64_t i = 0; i + 1 < offsets.numel(); ++i) {
      const auto length = begin[i + 1] - begin[i];
      TORCH_CHECK(length <= longest_query, "A sequence is longer than max_seqlen_q");
      const auto sequence = [&](const at::Tensor& packed) {
        return packed.narrow(0, begin[i], length).transpose(0, 1).unsqueeze(0);
      };
      const auto mixed = at::scaled_dot_product_attention(sequence(q), sequence(k), sequence(v), {}, 0.0, false, scale);
      result.narrow(0, begin[i], length).copy_(mixed.squeeze(0).transpose(0, 1));
    }
  };
  const auto read = bytes_of(query) + bytes_of(key) + bytes_of(value);
  launch_kernel(owner, "flash_attention", read, bytes_of(output), work);
  return {output, nothing(at::kFloat), nothing(at::kLong), nothing(at::kLong), nothing(type)};
}

// The alignment that the memory-efficient kernel requires. Its slower variant accepts 4 elements; here everything has
// to fit the fast one.
void check_aligned(const at::Tensor& tensor, const char* name) {
  const int64_t step = 16 / static_cast<int64_t>(tensor.element_size());
  TORCH_CHECK(tensor.is_cuda(), name, " must be a CUDA tensor");
  TORCH_CHECK(tensor.stride(-1) == 1 || tensor.size(-1) == 1, name, ": last dimension must be contiguous");
  TORCH_CHECK(tensor.storage_offset() % step == 0, name, " is not correctly aligned");
  for (int64_t dim = 0; dim + 1 < tensor.dim(); ++dim) {
    TORCH_CHECK(tensor.size(dim) <= 1 || tensor.stride(dim) % step == 0, name, " is not correctly aligned (stride of ",
                dim, ")");
  }
}

void check_bias(const at::Tensor& bias, const at::Tensor& query, const at::Tensor& key) {
  check_aligned(bias, "attn_bias");
  TORCH_CHECK(bias.scalar_type() == query.scalar_type(), "invalid dtype for bias - should match query's dtype");
  TORCH_CHECK(bias.dim() == 4, "Bias expected in BMHK format");
  TORCH_CHECK(bias.size(0) == query.size(0), "attn_bias: wrong shape (batch dimension)");
  TORCH_CHECK(bias.size(1) == query.size(2), "attn_bias: wrong shape (head dimension)");
  TORCH_CHECK(bias.size(2) == query.size(1), "attn_bias: wrong shape (seqlenQ dimension)");
  TORCH_CHECK(bias.size(3) == key.size(1), "attn_bias: wrong shape (seqlenKV dimension)");
}

// query, key, value: [batch, length, heads, width]; returns the same shape, contiguous.
at::Tensor attend_in_blocks(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const MaybeTensor& bias, double dropout, bool is_causal, std::optional<double> scale) {
  for (const auto* tensor : {&query, &key, &value}) TORCH_CHECK(tensor->dim() == 4, "Expected 4 dimensions");
  TORCH_CHECK(query.size(0) == key.size(0) && key.size(1) == value.size(1) && query.size(2) == key.size(2) &&
                  query.size(3) == key.size(3) && query.size(0) == value.size(0) && query.size(2) == value.size(2),
              "query, key and value do not fit each other");
  TORCH_CHECK(query.scalar_type() == key.scalar_type() && query.scalar_type() == value.scalar_type(),
              "query, key and value must have the same dtype");
  TORCH_CHECK(dropout == 0 && !is_causal, "Only what this project uses is simulated");
  check_aligned(query, "query");
  check_aligned(key, "key");
  check_aligned(value, "value");
  if (bias) check_bias(*bias, query, key);
  const auto rows = query.size(1);
  const auto heads = query.size(2);
  const auto width = value.size(3);
  const auto output = make_tensor({query.size(0), rows, heads, width}, {rows * heads * width, heads * width, width, 1},
                                  query.scalar_type(), query.get_device());
  const auto seen_bias = bias ? MaybeTensor(seen_by_kernel(*bias)) : std::nullopt;
  const auto work = [=, q = seen_by_kernel(query), k = seen_by_kernel(key), v = seen_by_kernel(value),
                     result = seen_by_kernel(output)] {
    const auto mixed = at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2),
                                                        seen_bias, 0.0, false, scale);
    result.copy_(mixed.transpose(1, 2));
  };
  const auto read = bytes_of(query) + bytes_of(key) + bytes_of(value) + (bias ? bytes_of(*bias) : 0);
  launch_kernel(query.get_device(), "efficient_attention", read, bytes_of(output), work);
  return output;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, c10::SymInt, c10::SymInt> efficient_attention(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const MaybeTensor& bias,
    const MaybeTensor& query_offsets, const MaybeTensor& key_offsets, std::optional<c10::SymInt> /*longest_query*/,
    std::optional<c10::SymInt> /*longest_key*/, double dropout, int64_t mask_kind, bool /*compute_logsumexp*/,
    std::optional<double> scale, const MaybeTensor& /*used_keys*/, std::optional<int64_t> /*window*/) {
  TORCH_CHECK(!query_offsets && !key_offsets, "Only what this project uses is simulated: batches of one length");
  const auto output = attend_in_blocks(query, key, value, bias, dropout, mask_kind != 0, scale);
  return {output, nothing(at::kFloat), nothing(at::kLong), nothing(at::kLong), query.sym_size(1), key.sym_size(1)};
}

// query, key, value: [batch, heads, length, width]
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> scaled_efficient_attention(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const MaybeTensor& bias,
    bool /*compute_logsumexp*/, double dropout, bool is_causal, std::optional<double> scale) {
  const auto output = attend_in_blocks(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), bias, dropout,
                                       is_causal, scale);
  return {output.transpose(1, 2), nothing(at::kFloat), nothing(at::kLong), nothing(at::kLong)};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("_flash_attention_forward", flash_attention);
  library.impl("_efficient_attention_forward", efficient_attention);
  library.impl("_scaled_dot_product_efficient_attention", scaled_efficient_attention);
}

}  // namespace simulated
