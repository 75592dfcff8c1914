#include "archive/archive_reader.h"

#include <c10/util/Exception.h>
#include <caffe2/serialize/file_adapter.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <new>
#include <system_error>

#include "error.h"

namespace virnucpro {

namespace {

// libtorch's messages have many lines.
std::string first_sentence(const char* text) {
  const std::string whole(text);
  const size_t start = std::min(whole.find_first_not_of(" \n"), whole.size());
  const size_t end = std::min(whole.find('\n', start), whole.find(". ", start));
  return whole.substr(start, end - start);
}

[[noreturn]] void fail_archive(const std::string& path, const std::string& expected, const std::string& received) {
  throw Error(code::kModelInvalid, "Expected " + expected + " for the model but received " + received + " in " + path +
                                       ". Import the model again.");
}

// Bytes read between two checks for cancellation: even a slow disk delivers them quickly.
constexpr size_t kPieceBytes = size_t{8} << 20;

// A file for libtorch to read, which reports how much of it was read. Once loading is cancelled it ends early: between
// it and the caller is C code, through which no exception should pass.
class CountedFile final : public caffe2::serialize::ReadAdapterInterface {
 public:
  CountedFile(const std::string& path, LoadingProgress& progress) : file_(path), progress_(progress) {}

  size_t size() const override { return file_.size(); }
  size_t read(uint64_t position, void* buffer, size_t count, const char* what) const override {
    size_t read = 0;
    while (read < count && !progress_.cancellation().cancelled()) {
      const auto wanted = std::min(kPieceBytes, count - read);
      const auto got = file_.read(position + read, static_cast<char*>(buffer) + read, wanted, what);
      progress_.read(static_cast<int64_t>(got));
      read += got;
      if (got < wanted) break;
    }
    return read;
  }

 private:
  caffe2::serialize::FileAdapter file_;
  LoadingProgress& progress_;
};

torch::jit::Module open_module(const std::string& path, LoadingProgress& progress) {
  try {
    auto module = torch::jit::load(std::make_shared<CountedFile>(path, progress), c10::Device(c10::kCPU));
    progress.cancellation().expect_wanted();
    module.eval();
    return module;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    progress.cancellation().expect_wanted();
    fail_archive(path, "a TorchScript archive", "\"" + first_sentence(error.what_without_backtrace()) + "\"");
  } catch (const std::exception& error) {
    progress.cancellation().expect_wanted();
    fail_archive(path, "a TorchScript archive", "\"" + first_sentence(error.what()) + "\"");
  }
}

ParameterMap checked_parameters(const torch::jit::Module& module, const Architecture& architecture,
                                const std::string& path) {
  ParameterMap parameters;
  for (const auto& parameter : module.named_parameters()) parameters.emplace(parameter.name, parameter.value.detach());
  for (const auto& buffer : module.named_buffers()) parameters.emplace(buffer.name, buffer.value.detach());
  const auto expected = parameters_of(architecture);
  for (const auto& [name, shape] : expected) {
    const auto found = parameters.find(name);
    if (found == parameters.end()) fail_archive(path, name + " " + text_of(shape), "no such parameter");
    const at::Tensor& tensor = found->second;
    const auto dtype = tensor.scalar_type();
    if (tensor.layout() != c10::kStrided || tensor.sizes() != c10::IntArrayRef(shape)) {
      fail_archive(path, name + " " + text_of(shape), text_of(tensor.sizes()));
    }
    if (dtype != c10::kFloat && dtype != c10::kHalf && dtype != c10::kBFloat16) {
      fail_archive(path, name + " in float32, float16 or bfloat16", c10::toString(dtype));
    }
  }
  if (parameters.size() == expected.size()) return parameters;
  for (const auto& [name, shape] : expected) parameters.erase(name);
  fail_archive(path, "only the architecture's parameters", parameters.begin()->first);
}

}  // namespace

ParameterMap read_parameters(const std::string& path, const Architecture& architecture, LoadingProgress& progress) {
  return checked_parameters(open_module(path, progress), architecture, path);
}

torch::jit::Module read_module(const std::string& path, const Architecture& architecture, LoadingProgress& progress) {
  auto module = open_module(path, progress);
  checked_parameters(module, architecture, path);
  return module;
}

int64_t archive_bytes(const std::string& path) {
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(path, failure);
  return failure ? 0 : static_cast<int64_t>(bytes);
}

}  // namespace virnucpro
