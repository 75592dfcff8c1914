#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "model/architecture.h"
#include "model/loading_progress.h"

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

// Parameters by dotted path.
using ParameterMap = std::map<std::string, at::Tensor>;

// The parameters of an archive while a model is made of them. Used by one thread.
class LoadedParameters {
 public:
  LoadedParameters(ParameterMap parameters, LoadingProgress& progress)
      : parameters_(std::move(parameters)), progress_(progress) {}

  // Takes a parameter out, so that its memory is given back as soon as the caller has made its own of it. Each
  // parameter can be taken once.
  at::Tensor take(const std::string& name);

 private:
  ParameterMap parameters_;
  LoadingProgress& progress_;
};

// The module of an archive of these parameters, which it shares.
torch::jit::Module make_module(const Architecture& architecture, const ParameterMap& parameters);

// Writes a TorchScript archive that Python opens too, the parameters under the same names. Sources are mapped, and more
// than 256 MB of computed values (random, or of another data type than their source) go through a temporary file beside
// `request.path`, so memory stays far below the size of the archive. The values of a NormalSource depend on its fields
// and the shape only, rounded to the archive's data type. A file at `request.path` is replaced; a failing write leaves
// none there.
// Throws kArgument for other parameters than the architecture's, kCheckpoint for a source that does not fit its file or
// its shape, kOutput for a failing write.
void write_archive(const ArchiveRequest& request);

// Opens the archive's module on the CPU, in evaluation mode. libtorch maps no TorchScript archive: it copies every
// record into memory of its own, and the file comes from the disk once, however many read it, because the system keeps
// its pages. Throws kModelInvalid; kAborted where the loading is cancelled.
torch::jit::Module read_module(const std::string& path, LoadingProgress& progress);

// Bytes of the archive's file; 0 when there is none.
int64_t archive_bytes(const std::string& path);

// The parameters of an archive, checked by name and shape against the architecture. Throws kModelInvalid.
ParameterMap read_parameters(const torch::jit::Module& module, const Architecture& architecture,
                             const std::string& path);

}  // namespace virnucpro
