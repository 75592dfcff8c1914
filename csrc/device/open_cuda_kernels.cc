#include "device/open_cuda_kernels.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "cuda_kernels/cuda_launcher.h"
#include "cuda_kernels/kernel_calls.h"
#include "cuda_kernels/kernel_sources.h"
#include "device/device_health.h"
#include "error.h"
#include "failure_description.h"
#include "leaked.h"
#include "model/kernel_check.h"
#include "number_text.h"

namespace virnucpro {

namespace {

constexpr const char* kInstead = "libtorch's operators are used instead, which are slower";
constexpr const char* kWithout = "Set VIRNUCPRO_CUDA_KERNELS=0 to do without them";

struct Setting {
  std::mutex mutex;
  std::optional<KernelCompiler> compiler;
};

Setting& setting() {
  static Leaked<Setting> made;
  return *made;
}

std::optional<KernelCompiler> kernel_compiler() {
  const std::lock_guard<std::mutex> lock(setting().mutex);
  return setting().compiler;
}

KernelElement element_of(at::ScalarType dtype) {
  if (dtype == at::kHalf) return KernelElement::kHalf;
  return dtype == at::kBFloat16 ? KernelElement::kBFloat16 : KernelElement::kFloat;
}

// Attention is compiled separately for each head width.
std::set<std::string> attention_sources(const std::vector<Architecture>& architectures) {
  std::set<std::string> names;
  for (const auto& architecture : architectures) {
    const auto* dnabert = std::get_if<DnabertArchitecture>(&architecture);
    if (dnabert == nullptr) continue;
    names.insert(AlibiAttentionCall::kernel_for(dnabert->width / dnabert->heads));
  }
  return names;
}

bool is_attention(const std::string& source) { return source.rfind(DeviceKernels::kAlibiAttention, 0) == 0; }

struct LoadedKernels {
  std::set<std::string> names;  // those of DeviceKernels
  std::vector<std::string> failures;
};

LoadedKernels load_kernels(CudaLauncher& launcher, const KernelCompiler& compiler, int capability, at::ScalarType dtype,
                           const std::vector<Architecture>& architectures) {
  const Nvrtc nvrtc(compiler.nvrtc);
  const KernelCache cache(compiler.cache_folder);
  auto options = compile_options(element_of(dtype));
  options.push_back("--gpu-architecture=" + nvrtc.architecture_for(capability));
  const auto attention = attention_sources(architectures);
  LoadedKernels loaded;
  for (const auto& source : kernel_sources()) {
    if (is_attention(source.name) && attention.count(source.name) == 0) continue;
    auto words = options;
    words.insert(words.end(), {source.name, source.text, nvrtc.version()});
    try {
      launcher.load(source.name, cache.get(words, [&] { return nvrtc.compile(source.name, source.text, options); }));
      loaded.names.insert(is_attention(source.name) ? DeviceKernels::kAlibiAttention : source.name);
    } catch (const std::runtime_error& error) {
      loaded.failures.emplace_back(error.what());
    }
  }
  return loaded;
}

LogMessage without(const std::string& reason, size_t others) {
  const auto more = others == 0 ? "" : " (and " + std::to_string(others) + " more)";
  return {LogMessage::Level::kInfo, reason + more + "; " + kInstead};
}

LogMessage warning_of(const WrongKernel& wrong) {
  return {LogMessage::Level::kWarn, "This project's kernel `" + wrong.name +
                                        "` does not compute what libtorch does on this GPU (off by " +
                                        two_digits(wrong.excess) + " roundings): " + kInstead + ". Please report it"};
}

// Whether the GPU still works after a kernel failed.
bool still_computes(at::Device device) {
  try {
    probe_device(device);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

// Turns the kernel failure being handled into kDeviceLost, unless the GPU still works.
void expect_survival(at::Device device) {
  const auto failure = std::current_exception();
  if (still_computes(device)) return;
  const auto described = describe_failure(failure);
  throw Error(code::kDeviceLost, device.str() + " failed while it ran this project's kernels: " +
                                     first_line(described.message) + ". " + kWithout);
}

}  // namespace

void set_kernel_compiler(KernelCompiler compiler) {
  const std::lock_guard<std::mutex> lock(setting().mutex);
  setting().compiler = std::move(compiler);
}

std::shared_ptr<const DeviceKernels> open_cuda_kernels(at::Device device, int capability, at::ScalarType dtype,
                                                       const std::vector<Architecture>& architectures,
                                                       const Emit& emit) {
  const auto compiler = kernel_compiler();
  if (!compiler || !device.is_cuda()) return nullptr;
  probe_device(device);  // makes its context current
  const auto launcher = std::make_shared<CudaLauncher>([device] {
    const c10::impl::VirtualGuardImpl guard(device.type());
    return guard.getStreamNativeHandle(guard.getStream(device));
  });
  try {
    const auto loaded = load_kernels(*launcher, *compiler, capability, dtype, architectures);
    if (!loaded.failures.empty()) emit(without(loaded.failures.front(), loaded.failures.size() - 1));
    const auto kernels = std::make_shared<DeviceKernels>(launcher, dtype, loaded.names);
    for (const auto& wrong : wrong_kernels(*kernels, architectures, device)) {
      emit(warning_of(wrong));
      kernels->leave_out(wrong.name);
    }
    return kernels;
  } catch (const c10::AcceleratorError& error) {
    if (is_out_of_memory(std::current_exception())) throw;
    expect_survival(device);
    emit(LogMessage{LogMessage::Level::kWarn, "This project's kernels do not run on this GPU: " +
                                                  first_line(error.what_without_backtrace()) + "; " + kInstead});
  } catch (const c10::Error&) {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const std::runtime_error& error) {
    emit(without(error.what(), 0));
  }
  return nullptr;
}

}  // namespace virnucpro
