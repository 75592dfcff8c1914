// Every operator of libtorch, by its CPU kernel: meta tensors give the shapes, the kernel is launched and computes
// late. An operator whose shapes are not known beforehand waits for the device, as in CUDA.
#include <ATen/ExpandUtils.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/boxing/KernelFunction.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <torch/library.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "counters.h"
#include "device.h"
#include "kernel.h"

namespace simulated {

namespace {

using c10::IValue;
using Stack = torch::jit::Stack;

at::Tensor meta(at::IntArrayRef sizes, at::ScalarType type) {
  return at::empty(sizes, at::TensorOptions(at::kMeta).dtype(type));
}

at::Tensor as_meta(const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  return at::empty_strided(tensor.sizes(), tensor.strides(), at::TensorOptions(at::kMeta).dtype(tensor.scalar_type()));
}

// Results of operators without a meta kernel. A written argument is resized and returned.
using Shapes = std::function<Stack(const Stack&)>;

const std::map<std::string, Shapes>& shapes_by_hand() {
  const auto tensor = [](const Stack& stack, size_t at) { return stack[at].toTensor(); };
  const auto like_first = [=](const Stack& stack) {
    const auto self = tensor(stack, 0);
    return Stack{meta(self.sizes(), self.scalar_type())};
  };
  const auto out_like_first = [=](const Stack& stack) {
    const auto out = stack.back().toTensor();
    out.resize_(tensor(stack, 0).sizes());
    return Stack{out};
  };
  const auto index_select = [=](const Stack& stack) {
    const auto self = tensor(stack, 0);
    auto sizes = self.sizes().vec();
    sizes[static_cast<size_t>(stack[1].toInt())] = tensor(stack, 2).numel();
    return Stack{meta(sizes, self.scalar_type())};
  };
  const auto where_out = [=](const Stack& stack) {
    const auto out = stack.back().toTensor();
    const auto both = at::infer_size(tensor(stack, 0).sizes(), tensor(stack, 1).sizes());
    out.resize_(at::infer_size(both, tensor(stack, 2).sizes()));
    return Stack{out};
  };
  // The result, and the means and inverse deviations with the shape of the dimensions before the normalised ones.
  const auto layer_norm = [=](const Stack& stack) {
    const auto self = tensor(stack, 0);
    auto rows = self.sizes().vec();
    const auto normalized = stack[1].toIntVector().size();
    std::fill(rows.end() - static_cast<std::ptrdiff_t>(normalized), rows.end(), 1);
    return Stack{meta(self.sizes(), self.scalar_type()), meta(rows, at::kFloat), meta(rows, at::kFloat)};
  };
  // Without training, only the result is used.
  const auto batch_norm = [=](const Stack& stack) {
    const auto self = tensor(stack, 0);
    TORCH_CHECK(!stack[5].toBool());
    return Stack{meta(self.sizes(), self.scalar_type()), meta({0}, at::kFloat), meta({0}, at::kFloat)};
  };
  // Segments of the first dimension, by their offsets.
  const auto segment_reduce = [=](const Stack& stack) {
    const auto self = tensor(stack, 0);
    auto sizes = self.sizes().vec();
    sizes[0] = stack[4].toTensor().numel() - 1;
    return Stack{meta(sizes, self.scalar_type())};
  };
  // The CPU's result for as many indices, all zero.
  const auto embedding_bag = [=](const Stack& stack) {
    const auto indices = at::zeros({tensor(stack, 1).numel()}, at::kLong);
    const auto ends = at::zeros(tensor(stack, 2).sizes(), at::kLong);
    ends.narrow(0, ends.numel() - 1, 1).fill_(indices.numel());
    const auto [means, bags, sizes, largest] = at::_embedding_bag_forward_only(
        at::zeros({1, tensor(stack, 0).size(1)}), indices, ends, false, stack[4].toInt(), false, {}, stack[7].toBool());
    Stack results;
    for (const auto& result : {means, bags, sizes, largest}) {
      results.emplace_back(meta(result.sizes(), result.scalar_type()));
    }
    return results;
  };
  static const auto* table = new std::map<std::string, Shapes>{
      {"aten::_embedding_bag_forward_only", embedding_bag},
      {"aten::index_select", index_select},
      {"aten::relu", like_first},
      {"aten::abs.out", out_like_first},
      {"aten::logical_not.out", out_like_first},
      {"aten::where.self_out", where_out},
      {"aten::native_layer_norm", layer_norm},
      {"aten::native_batch_norm", batch_norm},
      {"aten::segment_reduce", segment_reduce},
  };
  return *table;
}

// One call of an operator, with its arguments.
class Call {
 public:
  Call(const c10::OperatorHandle& op, Stack& stack) : op_(op), stack_(stack), schema_(op.schema()) {
    const auto first = stack.end() - static_cast<std::ptrdiff_t>(schema_.arguments().size());
    arguments_.assign(first, stack.end());
    for (size_t i = 0; i < arguments_.size(); ++i) look_at(arguments_[i], schema_.arguments()[i]);
    if (device_ < 0) device_ = current_device();
  }

  void run() {
    auto shapes = shapes_of_results();
    if (shapes) {
      launch(*shapes);
    } else {
      wait_and_run();
    }
  }

 private:
  void look_at(const IValue& value, const c10::Argument& argument) {
    const bool is_written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
    const auto look = [&](const at::Tensor& tensor) {
      if (!tensor.defined() || !tensor.is_cuda()) return tensor;
      if (device_ < 0) device_ = tensor.get_device();
      // An `out` argument is only written.
      if (!is_written || !argument.kwarg_only()) bytes_read_ += bytes_of(tensor);
      if (is_written) bytes_written_ += bytes_of(tensor);
      return tensor;
    };
    map_tensors(value, look);
    if (is_written && value.isTensor()) written_.push_back(value.toTensor());
    if (value.isDevice() && value.toDevice().is_cuda() && device_ < 0) {
      device_ = value.toDevice().has_index() ? value.toDevice().index() : current_device();
    }
  }

  template <typename Function>
  static IValue map_tensors(const IValue& value, const Function& of) {
    if (value.isTensor()) return of(value.toTensor());
    if (value.isTensorList()) {
      std::vector<at::Tensor> mapped;
      for (const at::Tensor& tensor : value.toTensorVector()) mapped.push_back(of(tensor));
      return mapped;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> mapped;
      for (const std::optional<at::Tensor> tensor : value.toOptionalTensorList()) {
        mapped.push_back(tensor ? std::optional<at::Tensor>(of(*tensor)) : std::nullopt);
      }
      return mapped;
    }
    return value;
  }

  template <typename Function>
  Stack mapped(const Function& of, at::DeviceType device) const {
    Stack result;
    for (const auto& argument : arguments_) {
      result.push_back(argument.isDevice() ? IValue(at::Device(device)) : map_tensors(argument, of));
    }
    return result;
  }

  std::string name() const {
    const auto& overload = schema_.overload_name();
    return overload.empty() ? schema_.name() : schema_.name() + "." + overload;
  }

  // Meta tensors; none if the shapes depend on values. Written arguments have their new sizes.
  std::optional<Stack> shapes_of_results() const {
    auto arguments = mapped(as_meta, at::kMeta);
    const auto by_hand = shapes_by_hand().find(name());
    Stack results;
    if (by_hand != shapes_by_hand().end()) {
      results = by_hand->second(arguments);
    } else {
      results = arguments;
      try {
        op_.callBoxed(results);
      } catch (const std::exception&) {
        return std::nullopt;
      }
    }
    for (const auto& result : results) {
      if (!result.isTensor()) return std::nullopt;
    }
    return results;
  }

  bool is_written(size_t result) const {
    const auto* alias = schema_.returns()[result].alias_info();
    return alias != nullptr && alias->isWrite();
  }

  void launch(const Stack& shapes) {
    // The tensors that the kernel writes its results into; undefined if it writes into an argument.
    std::vector<at::Tensor> targets;
    std::vector<at::Tensor> results;
    size_t next_written = 0;
    for (size_t i = 0; i < shapes.size(); ++i) {
      const auto shape = shapes[i].toTensor();
      if (is_written(i)) {
        const auto& out = written_.at(next_written++);
        if (out.sizes() != shape.sizes()) {
          resize_tensor(out, shape.sizes());
          bytes_written_ += bytes_of(out);
        }
        results.push_back(out);
        targets.emplace_back();
        continue;
      }
      results.push_back(make_tensor(shape.sizes(), shape.strides(), shape.scalar_type(), device_));
      targets.push_back(seen_by_kernel(results.back()));
      bytes_written_ += bytes_of(results.back());
    }
    const auto work = [op = op_, arguments = mapped(seen_by_kernel, at::kCPU), targets]() mutable {
      op.callBoxed(arguments);
      for (size_t i = 0; i < targets.size(); ++i) {
        if (targets[i].defined()) targets[i].copy_(arguments[i].toTensor());
      }
    };
    launch_kernel(device_, name(), bytes_read_, bytes_written_, work);
    give(std::vector<IValue>(results.begin(), results.end()));
  }

  void wait_and_run() {
    count_wait(device_, name());
    device(device_).open();
    device(device_).expect_kernels();
    current_stream(device_).drain();
    auto values = mapped(seen_by_kernel, at::kCPU);
    op_.callBoxed(values);
    std::vector<IValue> results;
    size_t next_written = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      if (is_written(i)) {
        results.emplace_back(written_.at(next_written++));
      } else {
        results.push_back(map_tensors(values[i], [&](const at::Tensor& tensor) { return on_device(tensor); }));
      }
    }
    give(std::move(results));
  }

  at::Tensor on_device(const at::Tensor& computed) const {
    if (!computed.defined()) return computed;
    auto tensor = make_tensor(computed.sizes(), computed.strides(), computed.scalar_type(), device_);
    seen_by_kernel(tensor).copy_(computed);
    return tensor;
  }

  void give(std::vector<IValue> results) {
    stack_.resize(stack_.size() - arguments_.size());
    for (auto& result : results) stack_.push_back(std::move(result));
  }

  const c10::OperatorHandle& op_;
  Stack& stack_;
  const c10::FunctionSchema& schema_;
  Stack arguments_;
  std::vector<at::Tensor> written_;
  int device_ = -1;
  int64_t bytes_read_ = 0;
  int64_t bytes_written_ = 0;
};

void run_operator(const c10::OperatorHandle& op, c10::DispatchKeySet /*keys*/, Stack* stack) { Call(op, *stack).run(); }

}  // namespace

TORCH_LIBRARY_IMPL(_, CUDA, library) { library.fallback(torch::CppFunction::makeFromBoxedFunction<&run_operator>()); }

// libtorch would compose these of other operators for a device without kernels of its own; CUDA has kernels.
TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("native_layer_norm", torch::CppFunction::makeFromBoxedFunction<&run_operator>());
}

}  // namespace simulated
