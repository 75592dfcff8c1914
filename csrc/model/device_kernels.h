#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "cuda_kernels/launcher.h"

namespace virnucpro {

// This project's CUDA kernels (csrc/cuda_kernels) as functions of tensors, for one type on one GPU. A function that
// does not support a type or shape, or whose kernel is left out, does nothing and returns false or an undefined tensor;
// the caller then uses libtorch's operators.
class DeviceKernels {
 public:
  static constexpr const char* kRotary = "rotary";
  static constexpr const char* kAddNorm = "add_norm";
  static constexpr const char* kBiasGelu = "bias_gelu";
  static constexpr const char* kGeluTimes = "gelu_times";
  static constexpr const char* kSequenceMean = "sequence_mean";
  static constexpr const char* kAlibiAttention = "alibi_attention";

  // `names`: those of the kernels above that the launcher has.
  DeviceKernels(std::shared_ptr<const KernelLauncher> launcher, at::ScalarType dtype, std::set<std::string> names)
      : launcher_(std::move(launcher)), dtype_(dtype), names_(std::move(names)) {}

  at::ScalarType dtype() const { return dtype_; }
  bool has(const char* name) const { return names_.count(name) > 0; }
  void leave_out(const std::string& name) { names_.erase(name); }

  // Rotates queries and keys of [rows, 3, heads, head width] in place. cosine, sine: [longest, head width / 2] float32;
  // places [rows] int32.
  bool rotate(const at::Tensor& heads, const at::Tensor& cosine, const at::Tensor& sine,
              const at::Tensor& places) const;
  // Adds `update` (may be undefined) to `hidden` [rows, width] float32, and returns the norm of the sum. With
  // `keeps_normal`, `hidden` holds that norm in float32 instead of the sum.
  at::Tensor add_norm(const at::Tensor& hidden, const at::Tensor& update, const at::Tensor& weight,
                      const at::Tensor& bias, double epsilon, bool keeps_normal) const;
  // gelu(product + bias) in place, [rows, width]; `bias` may be undefined.
  bool bias_gelu(const at::Tensor& product, const at::Tensor& bias) const;
  // [rows, 2 * width] -> [rows, width]: gelu of the first half times the second.
  at::Tensor gelu_times(const at::Tensor& gated) const;
  // [sequences, width] float32: the means of the rows [first, last) of `hidden` float32; first, last [sequences] int32.
  at::Tensor sequence_mean(const at::Tensor& hidden, const at::Tensor& first, const at::Tensor& last) const;
  // Whether alibi_attention supports this head shape and this many sequences, the longest of which has `longest`
  // tokens.
  bool attends_alibi(int64_t sequences, int64_t longest, int64_t heads, int64_t head_width) const;
  // query_key_value [rows, 3, heads, head width], offsets [sequences + 1] int32, slopes [heads] float32 -> [rows, heads
  // * head width].
  at::Tensor alibi_attention(const at::Tensor& query_key_value, const at::Tensor& offsets, const at::Tensor& slopes,
                             int64_t longest) const;

 private:
  bool takes(const at::Tensor& tensor) const;
  // Whether it was launched.
  template <typename Call>
  bool done(const char* name, const Call& call) const;

  std::shared_ptr<const KernelLauncher> launcher_;
  at::ScalarType dtype_;
  std::set<std::string> names_;
};

}  // namespace virnucpro
