#include "cuda_kernels/cuda_launcher.h"

#include <c10/util/Exception.h>

#include <cstdint>
#include <mutex>
#include <utility>

#include "leaked.h"
#include "optional_library.h"

namespace virnucpro {

namespace {

// From the driver's stable C interface (cuda.h).
constexpr int kNotFound = 500;
constexpr int kNoContext = 201;

struct LaunchFunctions {
  int (*get_context)(void**) = nullptr;
  int (*get_words)(int, const char**) = nullptr;
  int (*load_module)(void**, const void*, unsigned, int*, void**) = nullptr;
  int (*get_function)(void**, void*, const char*) = nullptr;
  int (*launch)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
                void**) = nullptr;
};

LaunchFunctions load_driver() {
  const OptionalLibrary library("libcuda.so.1");
  LaunchFunctions driver;
  library.find(driver.get_context, "cuCtxGetCurrent");
  library.find(driver.get_words, "cuGetErrorString");
  library.find(driver.load_module, "cuModuleLoadDataEx");
  library.find(driver.get_function, "cuModuleGetFunction");
  library.find(driver.launch, "cuLaunchKernel");
  return driver;
}

const LaunchFunctions& driver() {
  static const LaunchFunctions loaded = load_driver();
  return loaded;
}

[[noreturn]] void fail(int number, const std::string& words) {
  throw c10::AcceleratorError({__func__, __FILE__, __LINE__}, number, "CUDA error: " + words);
}

template <typename Function, typename... Arguments>
void expect_success(const char* what, Function function, Arguments... arguments) {
  const int number = function == nullptr ? kNotFound : function(arguments...);
  if (number == kDriverSuccess) return;
  const char* words = nullptr;
  if (!succeeds(driver().get_words, number, &words) || words == nullptr) words = "unknown error";
  fail(number, std::string(words) + " (" + what + ")");
}

void* current_context() {
  void* context = nullptr;
  expect_success("cuCtxGetCurrent", driver().get_context, &context);
  if (context == nullptr) fail(kNoContext, "this thread has no context");
  return context;
}

struct Loaded {
  std::mutex mutex;
  std::map<std::pair<void*, uint64_t>, void*> functions;  // by context and key of the image
};

Loaded& loaded() {
  static Leaked<Loaded> made;
  return *made;
}

}  // namespace

void CudaLauncher::load(const std::string& kernel, const KernelImage& image) {
  const std::lock_guard<std::mutex> lock(loaded().mutex);
  auto& function = loaded().functions[{current_context(), image.key}];
  if (function == nullptr) {
    void* module = nullptr;
    expect_success("cuModuleLoadDataEx", driver().load_module, &module, image.bytes.c_str(), 0U, nullptr, nullptr);
    expect_success("cuModuleGetFunction", driver().get_function, &function, module, kernel.c_str());
  }
  functions_[kernel] = function;
}

void CudaLauncher::launch(const char* kernel, const LaunchShape& shape, void** arguments) const {
  const auto found = functions_.find(std::string_view(kernel));
  if (found == functions_.end()) fail(kNotFound, std::string("no kernel ") + kernel);
  expect_success(kernel, driver().launch, found->second, shape.grid_x, shape.grid_y, 1U, shape.block_x, 1U, 1U, 0U,
                 stream_(), arguments, nullptr);
}

}  // namespace virnucpro
