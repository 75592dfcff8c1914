// A checkpoint file of any size and a tensor said to lie in it: what passes the check is read from the mapping to its
// last byte, and the check agrees with arithmetic that cannot overflow.

#include <fcntl.h>
#include <fuzzer/FuzzedDataProvider.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "archive/mapped_file.h"
#include "archive/tensor_extent.h"
#include "error.h"

namespace virnucpro {
namespace {

constexpr int64_t kMaxFileBytes = 1 << 16;

void expect(bool holds) {
  if (!holds) std::abort();
}

// Mostly small; the rest anywhere.
int64_t number_from(FuzzedDataProvider& data) {
  switch (data.ConsumeIntegralInRange<int>(0, 3)) {
    case 0:
      return data.ConsumeIntegral<int64_t>();
    case 1:
      return int64_t{1} << data.ConsumeIntegralInRange<int>(0, 62);
    default:
      return data.ConsumeIntegralInRange<int64_t>(-1, 300);
  }
}

bool lies_within_exactly(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides, int64_t bytes,
                         int64_t offset, int64_t size) {
  if (shape.size() != strides.size() || offset < 0) return false;
  // 2^63 * 2^63 * 4 dimensions would overflow even these; the limit on the sum prevents it.
  __int128 last = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 1 || strides[i] < 0) return false;
    last += static_cast<__int128>(shape[i] - 1) * strides[i];
    if (last > kMaxFileBytes) return false;
  }
  return offset + (last + 1) * bytes <= size;
}

void read_ends(const MappedFile& file, const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
               int64_t bytes, int64_t offset) {
  // Each corner of the tensor.
  for (size_t corner = 0; corner < (size_t{1} << shape.size()); ++corner) {
    int64_t at = 0;
    for (size_t i = 0; i < shape.size(); ++i) at += (corner >> i & 1) != 0 ? (shape[i] - 1) * strides[i] : 0;
    std::vector<std::byte> element(static_cast<size_t>(bytes));
    std::memcpy(element.data(), file.data() + offset + at * bytes, element.size());
    expect(element.back() == std::byte{7});
  }
}

// Nothing is mapped after the file's last page, so a read out of bounds ends the process.
class TemporaryFile {
 public:
  explicit TemporaryFile(int64_t size) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    const std::string content(static_cast<size_t>(size), '\7');
    expect(descriptor_ >= 0 && ::write(descriptor_, content.data(), content.size()) == size);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { ::close(descriptor_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace
}  // namespace virnucpro

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t length) {
  using namespace virnucpro;
  FuzzedDataProvider data(input, length);
  const auto size = data.ConsumeIntegralInRange<int64_t>(0, data.ConsumeBool() ? kMaxFileBytes : 300);
  const int64_t bytes = data.ConsumeBool() ? 4 : 2;
  const int64_t offset = number_from(data);
  std::vector<int64_t> shape(data.ConsumeIntegralInRange<size_t>(0, 4));
  for (int64_t& dimension : shape) dimension = number_from(data);
  std::vector<int64_t> strides(data.ConsumeBool() ? shape.size() : data.ConsumeIntegralInRange<size_t>(0, 4));
  for (int64_t& stride : strides) stride = number_from(data);

  const bool passed = lies_within(shape, strides, bytes, offset, size);
  expect(passed == lies_within_exactly(shape, strides, bytes, offset, size));
  const bool dense = is_dense(shape, strides);
  if (!passed) return 0;
  const TemporaryFile file(size);
  const auto mapped = MappedFile::open(file.path());
  expect(mapped->size() == size);
  read_ends(*mapped, shape, strides, bytes, offset);
  if (dense) {
    int64_t elements = 1;
    for (const int64_t dimension : shape) elements *= dimension;
    expect(offset + elements * bytes <= size);
  }
  return 0;
}
