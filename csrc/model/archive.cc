#include "model/archive.h"

#include <ATen/core/jit_type.h>
#include <c10/util/Exception.h>
#include <caffe2/serialize/file_adapter.h>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <memory>
#include <new>
#include <sstream>
#include <utility>

#include "error.h"
#include "model/output_file.h"
#include "model/parameter_sources.h"
#include "model/parameters.h"
#include "model/thread_team.h"
#include "model/torchscript_source.h"

namespace virnucpro {
namespace {

std::string text_of(c10::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

// The dotted paths of the parameters as a tree.
struct Node {
  std::vector<std::pair<std::string, Node>> children;
  std::vector<std::pair<std::string, at::Tensor>> tensors;

  Node& child(const std::string& name) {
    for (auto& [known, node] : children) {
      if (known == name) return node;
    }
    return children.emplace_back(name, Node{}).second;
  }

  void insert(const std::string& path, at::Tensor tensor) {
    Node* node = this;
    size_t start = 0;
    for (size_t dot; (dot = path.find('.', start)) != std::string::npos; start = dot + 1) {
      node = &node->child(path.substr(start, dot - start));
    }
    node->tensors.emplace_back(path.substr(start), std::move(tensor));
  }
};

bool is_layer(const std::string& name) { return std::isdigit(static_cast<unsigned char>(name.front())) != 0; }

// Modules of one class have the same members: all layers are one class, so their source is compiled and stored once.
std::string class_of(const std::string& name, const Node& node) {
  if (is_layer(name)) return "Layer";
  if (!node.children.empty()) return "Layers";
  if (node.tensors.size() == 1) return "Weight";
  return node.tensors.size() == 2 ? "WeightAndBias" : "BatchNorm";
}

class ModuleBuilder {
 public:
  explicit ModuleBuilder(TorchScriptSource source) : source_(std::move(source)) {}

  torch::jit::Module root(const Node& tree) {
    auto module = filled(tree, source_.class_name);
    module.define(source_.root);
    return module;
  }

 private:
  torch::jit::Module filled(const Node& node, const std::string& class_name) {
    const c10::QualifiedName name("__torch__.virnucpro." + class_name);
    const auto known = unit_->get_class(name);
    auto module = known ? torch::jit::Module(unit_, known) : torch::jit::Module(name, unit_);
    module.register_attribute("training", c10::BoolType::get(), false);
    for (const auto& [tensor_name, tensor] : node.tensors) {
      module.register_parameter(tensor_name, tensor, tensor_name.rfind("running_", 0) == 0);
    }
    for (const auto& [child_name, child] : node.children) {
      module.register_module(child_name, filled(child, class_of(child_name, child)));
    }
    if (!known && class_name == "Layer") module.define(source_.layer);
    return module;
  }

  TorchScriptSource source_;
  std::shared_ptr<torch::jit::CompilationUnit> unit_ = std::make_shared<torch::jit::CompilationUnit>();
};

[[noreturn]] void fail_request(const std::string& expected, const std::string& received) {
  throw Error(code::kArgument, "Expected " + expected + " for the parameters of an archive but received " + received +
                                   ". Request exactly those that the architecture asks for.");
}

// By name, after the check that they are exactly those of the architecture.
std::map<std::string, const ArchiveParameter*> expect_parameters(const ArchiveRequest& request,
                                                                 const std::vector<ParameterShape>& expected) {
  std::map<std::string, const ArchiveParameter*> given;
  for (const auto& parameter : request.parameters) {
    if (!given.emplace(parameter.name, &parameter).second) fail_request("every name once", parameter.name + " twice");
  }
  for (const auto& [name, shape] : expected) {
    const auto found = given.find(name);
    if (found == given.end()) fail_request(name, "none of that name");
    if (found->second->shape != shape) {
      fail_request(name + " " + text_of(shape), text_of(found->second->shape));
    }
  }
  if (given.size() == expected.size()) return given;
  for (const auto& [name, shape] : expected) given.erase(name);
  fail_request("no others than the architecture's", given.begin()->first);
}

// libtorch explains itself over many lines.
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

// Bytes that are read before it is looked whether they are still wanted: a slow disk gives them in a blink.
constexpr size_t kPieceBytes = size_t{8} << 20;

// A file as libtorch reads it, which tells how much of it was read. Where that is no longer wanted it ends early:
// between it and whoever asked is C code, through which nothing should be thrown.
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

}  // namespace

torch::jit::Module make_module(const Architecture& architecture, const ParameterMap& parameters) {
  Node tree;
  for (const auto& [name, shape] : parameters_of(architecture)) tree.insert(name, parameters.at(name));
  return ModuleBuilder(torchscript_source(architecture)).root(tree);
}

void write_archive(const ArchiveRequest& request) {
  // The threads of libtorch's copies would be those of the caller's thread.
  const OneThread alone;
  const auto expected = parameters_of(request.architecture);
  const auto given = expect_parameters(request, expected);
  ParameterSources sources(request);
  ParameterMap parameters;
  for (const auto& [name, shape] : expected) parameters.emplace(name, sources.tensor(*given.at(name)));
  const auto module = make_module(request.architecture, parameters);
  const torch::jit::ExtraFilesMap extra_files(request.extra_files.begin(), request.extra_files.end());
  OutputFile file(request.path);
  const auto write = [&file](const void* data, size_t size) {
    file.write(data, size);
    return size;
  };
  torch::jit::ExportModule(module, write, extra_files);
  file.finish();
}

torch::jit::Module read_module(const std::string& path, LoadingProgress& progress) {
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

int64_t archive_bytes(const std::string& path) {
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(path, failure);
  return failure ? 0 : static_cast<int64_t>(bytes);
}

at::Tensor LoadedParameters::take(const std::string& name) {
  const auto found = parameters_.find(name);
  if (found == parameters_.end()) throw Error(code::kNative, "Expected the parameter " + name + " but it was taken");
  auto tensor = std::move(found->second);
  parameters_.erase(found);
  progress_.laid_out(static_cast<int64_t>(tensor.nbytes()));
  return tensor;
}

ParameterMap read_parameters(const torch::jit::Module& module, const Architecture& architecture,
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
  fail_archive(path, "no other parameters than the architecture's", parameters.begin()->first);
}

}  // namespace virnucpro
