#include "model/parameter_sources.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>

#include <cmath>
#include <cstring>
#include <variant>
#include <vector>

#include "error.h"

namespace virnucpro {
namespace {

// What may stay in memory of tensors that are no view of a file.
constexpr int64_t kMemoryLimit = int64_t{256} << 20;

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

int64_t bytes_of(c10::ScalarType dtype) { return static_cast<int64_t>(c10::elementSize(dtype)); }

void expect_data_type(c10::ScalarType dtype, const std::string& of) {
  if (dtype == c10::kFloat || dtype == c10::kHalf || dtype == c10::kBFloat16) return;
  throw Error(code::kArgument, "Expected float32, float16 or bfloat16 for " + of + " but received " +
                                   c10::toString(dtype) + ". Convert it first.");
}

// Elements of a tensor; the shapes have passed the check against the architecture, which keeps this within 64 bits.
int64_t elements_of(const std::vector<int64_t>& shape) {
  int64_t elements = 1;
  for (const int64_t size : shape) elements *= size;
  return elements;
}

bool is_dense(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  if (shape.size() != strides.size()) return false;
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

// Nothing to compute: the bytes of the file are the bytes of the archive.
bool is_view(const ArchiveParameter& parameter, c10::ScalarType dtype) {
  const auto* source = std::get_if<FileSource>(&parameter.source);
  return source != nullptr && source->dtype == dtype && source->offset % bytes_of(dtype) == 0 &&
         is_dense(parameter.shape, source->strides);
}

[[noreturn]] void fail_source(const ArchiveParameter& parameter, const FileSource& source, const std::string& expected,
                              const std::string& received) {
  throw Error(code::kCheckpoint, "Expected " + expected + " for " + parameter.name + " but received " + received +
                                     " in " + source.path + ". The checkpoint is damaged: fetch it again.");
}

// Bytes from element 0 to the end of the last element, of a tensor that lies within `available` bytes.
int64_t expect_extent(const ArchiveParameter& parameter, const FileSource& source, int64_t file_size) {
  if (source.strides.size() != parameter.shape.size()) {
    fail_source(parameter, source, std::to_string(parameter.shape.size()) + " strides",
                std::to_string(source.strides.size()));
  }
  bool fits = source.offset >= 0 && source.offset <= file_size;
  int64_t last = 0;
  for (size_t i = 0; i < parameter.shape.size(); ++i) {
    if (source.strides[i] < 0) {
      fail_source(parameter, source, "strides that are not negative", std::to_string(source.strides[i]));
    }
    int64_t reach = 0;
    fits = fits && !__builtin_mul_overflow(parameter.shape[i] - 1, source.strides[i], &reach) &&
           !__builtin_add_overflow(last, reach, &last);
  }
  int64_t extent = 0;
  fits = fits && !__builtin_add_overflow(last, int64_t{1}, &last) &&
         !__builtin_mul_overflow(last, bytes_of(source.dtype), &extent) && extent <= file_size - source.offset;
  if (!fits) {
    fail_source(parameter, source, "a tensor within the " + std::to_string(file_size) + " bytes of its file",
                "one at offset " + std::to_string(source.offset) + " that ends outside");
  }
  return extent;
}

// A strided view of the file; of a copy where the elements are not aligned in it.
at::Tensor tensor_in_file(const ArchiveParameter& parameter, const FileSource& source,
                          const std::shared_ptr<const MappedFile>& file) {
  expect_data_type(source.dtype, parameter.name);
  const int64_t extent = expect_extent(parameter, source, file->size());
  // from_blob takes a pointer to change, but nothing writes to the parameters of an archive.
  auto* start = const_cast<std::byte*>(file->data()) + source.offset;
  const auto options = at::TensorOptions().dtype(source.dtype);
  if (source.offset % bytes_of(source.dtype) == 0) {
    return at::from_blob(start, parameter.shape, source.strides, [file](void*) {}, options);
  }
  const auto copy = at::empty({extent / bytes_of(source.dtype)}, options);
  std::memcpy(copy.data_ptr(), start, static_cast<size_t>(extent));
  return copy.as_strided(parameter.shape, source.strides);
}

at::Tensor normal_tensor(const ArchiveParameter& parameter, const NormalSource& source) {
  if (!std::isfinite(source.mean) || !std::isfinite(source.standard_deviation) || source.standard_deviation < 0) {
    throw Error(code::kArgument, "Expected a finite mean and a standard deviation of 0 or more for " + parameter.name +
                                     " but received " + std::to_string(source.mean) + " and " +
                                     std::to_string(source.standard_deviation) + ". Correct the request.");
  }
  const at::Generator generator = at::detail::createCPUGenerator(source.seed);
  return at::empty(parameter.shape, c10::kFloat).normal_(source.mean, source.standard_deviation, generator);
}

}  // namespace

ParameterSources::ParameterSources(const ArchiveRequest& request) : request_(request) {
  expect_data_type(request.dtype, "the archive");
  int64_t computed = 0;
  for (const auto& parameter : request.parameters) {
    if (is_view(parameter, request.dtype)) continue;
    computed += ScratchFile::room(elements_of(parameter.shape) * bytes_of(request.dtype));
  }
  if (computed > kMemoryLimit) scratch_.emplace(request.path, computed);
}

at::Tensor ParameterSources::tensor(const ArchiveParameter& parameter) {
  const at::Tensor source = std::visit(
      Overloaded{
          [&](const FileSource& from) { return tensor_in_file(parameter, from, file(from.path)); },
          [&](const NormalSource& from) { return normal_tensor(parameter, from); },
          [&](const ConstantSource& from) { return at::full(parameter.shape, from.value, request_.dtype); },
      },
      parameter.source);
  if (is_view(parameter, request_.dtype)) return source;
  const at::Tensor dense = source.to(request_.dtype).contiguous();
  if (scratch_) return scratch_->keep(dense);
  // Conversion keeps strides and may even return its argument, whose memory the archive would then write whole.
  return dense.storage().nbytes() == dense.nbytes() ? dense : dense.clone();
}

const std::shared_ptr<const MappedFile>& ParameterSources::file(const std::string& path) {
  auto& file = files_[path];
  if (!file) file = MappedFile::open(path);
  return file;
}

}  // namespace virnucpro
