#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "archive/architecture.h"

namespace virnucpro {

struct FileSource {
  std::string path;
  int64_t offset = 0;  // bytes
  c10::ScalarType dtype = c10::kFloat;
  std::vector<int64_t> strides;  // elements
};

struct NormalSource {
  double mean = 0;
  double standard_deviation = 0;
  uint64_t seed = 0;
};

struct ConstantSource {
  double value = 0;
};

struct ArchiveParameter {
  std::string name;
  std::vector<int64_t> shape;
  std::variant<FileSource, NormalSource, ConstantSource> source;
};

struct ArchiveRequest {
  std::string path;
  Architecture architecture;
  c10::ScalarType dtype = c10::kFloat;
  std::vector<ArchiveParameter> parameters;
  std::map<std::string, std::string> extra_files;
};

// Writes a TorchScript archive that Python can open too, with the parameters under the same names. Sources are mapped,
// and more than 256 MB of computed values (random, or of a data type other than their source's) go through a temporary
// file beside `request.path`, so memory stays far below the size of the archive. The values of a NormalSource depend
// only on its fields and the shape, and are rounded to the archive's data type. A file at `request.path` is replaced; a
// failed write leaves no file there.
// Throws kArgument for parameters other than the architecture's, kCheckpoint for a source that does not fit its file or
// its shape, kOutput for a failed write.
void write_archive(const ArchiveRequest& request);

}  // namespace virnucpro
