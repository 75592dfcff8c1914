#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <atomic>

#include "cpu_kernels/cpu_kernels.h"
#include "model/attention.h"
#include "model/cpu_work.h"

namespace virnucpro {

namespace {

constexpr int64_t kScratchAlignment = 64;

class KernelAttention final : public PackedAttention {
 public:
  KernelAttention(const PackedTokens& sequences, const AttentionShape& shape, const PositionEncoding& positions,
                  const CpuKernels& kernels)
      : sequences_(sequences),
        shape_(shape),
        positions_(positions),
        kernels_(kernels),
        workers_(at::get_num_threads()) {
    const auto bytes = static_cast<int64_t>(kernels.scratch_bytes(sequences.longest(), shape.head_width));
    scratch_bytes_ = (bytes + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
    scratch_ = at::empty({workers_ * scratch_bytes_ + kScratchAlignment}, at::kByte);
  }

  const char* backend() const override { return "kernel"; }

  at::Tensor operator()(const at::Tensor& query_key_value) override {
    const auto width = shape_.heads * shape_.head_width;
    const auto tokens = static_cast<int64_t>(sequences_.tokens.size());
    auto output = at::empty({query_key_value.size(0), width}, query_key_value.options());
    // The linear layers multiply these rows too; uninitialised memory may hold numbers that slow them down.
    output.narrow(0, tokens, output.size(0) - tokens).zero_();
    // One head of a sequence at a time goes to whichever thread is free: sequences differ in length, and threads in
    // speed.
    std::atomic<int64_t> next{0};
    const auto heads = sequences_.sequences() * shape_.heads;
    parallel_for(workers_, [&](int64_t begin, int64_t end) {
      for (int64_t worker = begin; worker < end; ++worker) {
        for (int64_t i = next++; i < heads; i = next++) attend(query_key_value, output, i, worker);
      }
    });
    return output;
  }

 private:
  void attend(const at::Tensor& query_key_value, const at::Tensor& output, int64_t index, int64_t worker) const {
    const auto sequence = index / shape_.heads;
    const auto head = index % shape_.heads;
    const auto width = shape_.heads * shape_.head_width;
    const auto first = sequences_.begin(sequence);
    const auto bytes = static_cast<int64_t>(output.element_size());
    const auto* query = static_cast<const char*>(query_key_value.const_data_ptr()) +
                        (first * 3 * width + head * shape_.head_width) * bytes;
    AttentionHead task{};
    task.query = query;
    task.key = query + width * bytes;
    task.value = query + 2 * width * bytes;
    task.row_stride = 3 * width;
    task.output = static_cast<char*>(output.mutable_data_ptr()) + (first * width + head * shape_.head_width) * bytes;
    task.output_stride = width;
    task.length = sequences_.end(sequence) - first;
    task.head_width = shape_.head_width;
    task.cosine = positions_.cosine.defined() ? positions_.cosine.const_data_ptr<float>() : nullptr;
    task.sine = positions_.sine.defined() ? positions_.sine.const_data_ptr<float>() : nullptr;
    task.slope = positions_.slopes.defined() ? positions_.slopes.const_data_ptr<float>()[head] : 0.0F;
    kernels_.attend(task, scratch_of(worker));
  }

  void* scratch_of(int64_t worker) const {
    auto* const start = static_cast<std::byte*>(scratch_.mutable_data_ptr());
    const auto behind = static_cast<int64_t>(reinterpret_cast<uintptr_t>(start) % kScratchAlignment);
    return start + (behind == 0 ? 0 : kScratchAlignment - behind) + worker * scratch_bytes_;
  }

  const PackedTokens& sequences_;
  const AttentionShape shape_;
  const PositionEncoding& positions_;
  const CpuKernels& kernels_;
  const int64_t workers_;
  int64_t scratch_bytes_;
  at::Tensor scratch_;
};

}  // namespace

std::unique_ptr<PackedAttention> make_kernel_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                       const PositionEncoding& positions, const Placement& placement) {
  const auto* kernels = kernels_for(placement.device, placement.dtype);
  if (kernels == nullptr || shape.head_width > CpuKernels::kMaxHeadWidth || shape.head_width % 2 != 0) return nullptr;
  return std::make_unique<KernelAttention>(sequences, shape, positions, *kernels);
}

}  // namespace virnucpro
