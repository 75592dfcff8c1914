#include "archive/archive_writer.h"

#include <torch/csrc/jit/serialization/export.h>

#include <utility>

#include "archive/output_file.h"
#include "archive/parameter_sources.h"
#include "archive/parameters.h"
#include "archive/torchscript_module.h"
#include "error.h"
#include "thread_team.h"

namespace virnucpro {

namespace {

[[noreturn]] void fail_request(const std::string& expected, const std::string& received) {
  throw Error(code::kArgument, "Expected " + expected + " for the parameters of an archive but received " + received +
                                   ". Request exactly those that the architecture asks for.");
}

// The parameters by name, after the check that they are exactly those of the architecture.
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
  fail_request("only the architecture's parameters", given.begin()->first);
}

}  // namespace

void write_archive(const ArchiveRequest& request) {
  // Otherwise libtorch's copies would use the team of the calling thread.
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

}  // namespace virnucpro
