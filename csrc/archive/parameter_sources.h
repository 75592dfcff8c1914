#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "archive/archive_writer.h"
#include "archive/mapped_file.h"
#include "archive/scratch_file.h"

namespace virnucpro {

// Makes the tensors of one archive from their sources. A source that already has the bytes of the archive (dense, same
// data type, aligned) becomes a view of its mapped file. All others are computed one after another, and if they total
// more than 256 MB, they go into a temporary file beside the archive.
class ParameterSources {
 public:
  // `request` outlives the object. Throws kCheckpoint for a source that does not fit its file or its shape, kArgument
  // for an invalid source, kOutput when there is no room for the temporary file.
  explicit ParameterSources(const ArchiveRequest& request);

  // Dense, on the CPU, in the data type of the archive; read-only. Throws as the constructor does.
  at::Tensor tensor(const ArchiveParameter& parameter);

 private:
  // Returns the rows [first, first + count) of a parameter, with any strides and data type; called for them in order.
  using Rows = std::function<at::Tensor(int64_t first, int64_t count)>;

  Rows rows_of(const ArchiveParameter& parameter);
  at::Tensor computed(const ArchiveParameter& parameter);
  const std::shared_ptr<const MappedFile>& file(const std::string& path);

  const ArchiveRequest& request_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
  std::optional<ScratchFile> scratch_;
};

}  // namespace virnucpro
