#include "archive/parameter_sources.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <variant>
#include <vector>

#include "archive/tensor_extent.h"
#include "error.h"

namespace virnucpro {
namespace {

// Bytes of tensors other than file views that may stay in memory.
constexpr int64_t kMemoryLimit = int64_t{256} << 20;
// Random values depend on it: a different number would make different models from the same seeds.
constexpr int64_t kPieceElements = int64_t{1} << 20;

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

int64_t element_bytes(c10::ScalarType dtype) { return static_cast<int64_t>(c10::elementSize(dtype)); }

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

// Nothing to compute: the bytes of the file are the bytes of the archive.
bool is_view(const ArchiveParameter& parameter, c10::ScalarType dtype) {
  const auto* source = std::get_if<FileSource>(&parameter.source);
  return source != nullptr && source->dtype == dtype && source->offset % element_bytes(dtype) == 0 &&
         is_dense(parameter.shape, source->strides);
}

[[noreturn]] void fail_source(const ArchiveParameter& parameter, const FileSource& source, const std::string& expected,
                              const std::string& received) {
  throw Error(code::kCheckpoint, "Expected " + expected + " for " + parameter.name + " but received " + received +
                                     " in " + source.path + ". The checkpoint is damaged: fetch it again.");
}

void expect_extent(const ArchiveParameter& parameter, const FileSource& source, int64_t file_size) {
  if (source.strides.size() != parameter.shape.size()) {
    fail_source(parameter, source, std::to_string(parameter.shape.size()) + " strides",
                std::to_string(source.strides.size()));
  }
  const auto negative =
      std::find_if(source.strides.begin(), source.strides.end(), [](int64_t step) { return step < 0; });
  if (negative != source.strides.end()) {
    fail_source(parameter, source, "strides that are not negative", std::to_string(*negative));
  }
  if (!lies_within(parameter.shape, source.strides, element_bytes(source.dtype), source.offset, file_size)) {
    fail_source(parameter, source, "a tensor within the " + std::to_string(file_size) + " bytes of its file",
                "one at offset " + std::to_string(source.offset) + " that ends outside");
  }
}

// Some rows as a strided view of the file, or of a copy if the elements are not aligned in the file.
at::Tensor rows_in_file(const ArchiveParameter& parameter, const FileSource& source,
                        const std::shared_ptr<const MappedFile>& file, int64_t first, int64_t count) {
  auto shape = parameter.shape;
  shape[0] = count;
  int64_t last = 0;
  for (size_t i = 0; i < shape.size(); ++i) last += (shape[i] - 1) * source.strides[i];
  const int64_t offset = source.offset + first * source.strides[0] * element_bytes(source.dtype);
  // from_blob takes a mutable pointer, but nothing writes to the parameters of an archive.
  auto* start = const_cast<std::byte*>(file->data()) + offset;
  const auto options = at::TensorOptions().dtype(source.dtype);
  if (offset % element_bytes(source.dtype) == 0) {
    return at::from_blob(start, shape, source.strides, [file](void*) {}, options);
  }
  const auto copy = at::empty({last + 1}, options);
  std::memcpy(copy.data_ptr(), start, copy.nbytes());
  return copy.as_strided(shape, source.strides);
}

void expect_normal(const ArchiveParameter& parameter, const NormalSource& source) {
  if (std::isfinite(source.mean) && std::isfinite(source.standard_deviation) && source.standard_deviation >= 0) return;
  throw Error(code::kArgument, "Expected a finite mean and a standard deviation of 0 or more for " + parameter.name +
                                   " but received " + std::to_string(source.mean) + " and " +
                                   std::to_string(source.standard_deviation) + ". Correct the request.");
}

}  // namespace

ParameterSources::ParameterSources(const ArchiveRequest& request) : request_(request) {
  expect_data_type(request.dtype, "the archive");
  int64_t computed = 0;
  for (const auto& parameter : request.parameters) {
    if (is_view(parameter, request.dtype)) continue;
    computed += ScratchFile::room(elements_of(parameter.shape) * element_bytes(request.dtype));
  }
  if (computed > kMemoryLimit) scratch_.emplace(request.path, computed);
}

at::Tensor ParameterSources::tensor(const ArchiveParameter& parameter) {
  return is_view(parameter, request_.dtype) ? rows_of(parameter)(0, parameter.shape[0]) : computed(parameter);
}

ParameterSources::Rows ParameterSources::rows_of(const ArchiveParameter& parameter) {
  const auto shape_of = [&parameter](int64_t count) {
    auto shape = parameter.shape;
    shape[0] = count;
    return shape;
  };
  const auto from_file = [&](const FileSource& source) -> Rows {
    expect_data_type(source.dtype, parameter.name);
    const auto mapped = file(source.path);
    expect_extent(parameter, source, mapped->size());
    return [&parameter, &source, mapped](int64_t first, int64_t count) {
      return rows_in_file(parameter, source, mapped, first, count);
    };
  };
  const auto from_normal = [&](const NormalSource& source) -> Rows {
    expect_normal(parameter, source);
    return [&source, shape_of, generator = at::Generator(at::detail::createCPUGenerator(source.seed))](int64_t,
                                                                                                       int64_t count) {
      return at::empty(shape_of(count), c10::kFloat).normal_(source.mean, source.standard_deviation, generator);
    };
  };
  const auto from_constant = [&](const ConstantSource& source) -> Rows {
    return [&source, shape_of](int64_t, int64_t count) { return at::full(shape_of(count), source.value, c10::kFloat); };
  };
  return std::visit(Overloaded{from_file, from_normal, from_constant}, parameter.source);
}

// Piece by piece: large blocks that come and go between small ones would leave holes in the heap, in the end as many
// bytes as the archive has.
at::Tensor ParameterSources::computed(const ArchiveParameter& parameter) {
  const Rows rows = rows_of(parameter);
  auto result = scratch_ ? scratch_->reserve(parameter.shape, request_.dtype)
                         : at::empty(parameter.shape, at::TensorOptions().dtype(request_.dtype));
  const int64_t count = parameter.shape[0];
  const int64_t step = std::max(int64_t{1}, kPieceElements / (elements_of(parameter.shape) / count));
  for (int64_t first = 0; first < count; first += step) {
    const int64_t length = std::min(step, count - first);
    const auto piece = rows(first, length);
    if (scratch_) {
      scratch_->append(piece.to(request_.dtype).contiguous());
    } else {
      result.narrow(0, first, length).copy_(piece);
    }
  }
  return result;
}

const std::shared_ptr<const MappedFile>& ParameterSources::file(const std::string& path) {
  auto& file = files_[path];
  if (!file) file = MappedFile::open(path);
  return file;
}

}  // namespace virnucpro
