#include "model/packed_linear.h"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <string_view>

#include "cpu_kernels/cpu_kernels.h"

namespace virnucpro {

namespace {

// The number of rows that the layout is chosen for; other numbers are as fast with it (bench/results).
constexpr int64_t kUsualRows = 1024;

using Reorder = at::Tensor(const at::Tensor&, std::optional<c10::SymInt>);
using Pointwise = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
                             c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
using Binary = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                          std::string_view);

template <typename Signature>
c10::TypedOperatorHandle<Signature> operation(const char* name, const char* overload) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).typed<Signature>();
}

std::optional<at::Tensor> when_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
}

bool has_operators() {
  auto& dispatcher = c10::Dispatcher::singleton();
  return at::globalContext().userEnabledMkldnn() && dispatcher.findSchema({"mkldnn::_reorder_linear_weight", ""}) &&
         dispatcher.findSchema({"mkldnn::_linear_pointwise", ""}) &&
         dispatcher.findSchema({"mkldnn::_linear_pointwise", "binary"});
}

}  // namespace

bool packs_linear(const Placement& placement) {
#if !defined(__x86_64__)
  // Nobody has measured the layouts of other processors' libraries yet.
  return false;
#endif
  if (!placement.device.is_cpu()) return false;
  static const bool operators = has_operators();
  if (placement.dtype == at::kFloat) return operators;
  return operators && placement.dtype == at::kBFloat16 && cpu_kernels(ElementType::kBFloat16) != nullptr;
}

at::Tensor pack_linear(const at::Tensor& weight) {
  static const auto reorder = operation<Reorder>("mkldnn::_reorder_linear_weight", "");
  return reorder.call(weight, c10::SymInt(kUsualRows));
}

at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                         const char* activation) {
  static const auto linear = operation<Pointwise>("mkldnn::_linear_pointwise", "");
  // The algorithm of gelu: "none" is erf, "tanh" the approximation.
  return linear.call(x, weight, when_defined(bias), activation, c10::List<std::optional<at::Scalar>>(), "none");
}

at::Tensor packed_linear_times(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               const at::Tensor& factor) {
  static const auto linear = operation<Binary>("mkldnn::_linear_pointwise", "binary");
  return linear.call(x, factor, weight, when_defined(bias), "mul");
}

}  // namespace virnucpro
