#include "cuda_kernels/nvrtc.h"

#include <algorithm>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace virnucpro {

namespace {

std::string first_error(const std::string& log) {
  std::istringstream lines(log);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.find("error") != std::string::npos) return line;
  }
  return log.substr(0, log.find('\n'));
}

}  // namespace

Nvrtc::Nvrtc(const NvrtcFiles& files)
    // The compiler loads its builtins by name, and finds what is already in the process.
    : builtins_(files.builtins.empty() ? nullptr : files.builtins.c_str()), library_(files.library.c_str()) {
  library_.find(get_version_, "nvrtcVersion");
  library_.find(count_architectures_, "nvrtcGetNumSupportedArchs");
  library_.find(get_architectures_, "nvrtcGetSupportedArchs");
  library_.find(create_, "nvrtcCreateProgram");
  library_.find(compile_, "nvrtcCompileProgram");
  library_.find(destroy_, "nvrtcDestroyProgram");
  library_.find(get_log_size_, "nvrtcGetProgramLogSize");
  library_.find(get_log_, "nvrtcGetProgramLog");
  library_.find(get_cubin_size_, "nvrtcGetCUBINSize");
  library_.find(get_cubin_, "nvrtcGetCUBIN");
  library_.find(get_ptx_size_, "nvrtcGetPTXSize");
  library_.find(get_ptx_, "nvrtcGetPTX");
  int major = 0;
  int minor = 0;
  if (!succeeds(get_version_, &major, &minor)) {
    throw std::runtime_error("CUDA's compiler (NVRTC) was not found: " + files.library + " cannot be opened");
  }
  if (destroy_ == nullptr || create_ == nullptr || get_cubin_ == nullptr || get_architectures_ == nullptr) {
    throw std::runtime_error(files.library + " is too old to compile for a GPU (needs NVRTC 11.2 or later)");
  }
  version_ = std::to_string(major) + "." + std::to_string(minor);
}

std::string Nvrtc::architecture_for(int capability) const {
  int count = 0;
  succeeds(count_architectures_, &count);
  std::vector<int> known(static_cast<size_t>(count));
  succeeds(get_architectures_, known.data());
  int newest = 0;
  for (const int one : known) {
    if (one <= capability) newest = std::max(newest, one);
  }
  if (newest == 0) {
    throw std::runtime_error("NVRTC " + version_ + " cannot compile for compute capability " +
                             std::to_string(capability / 10) + "." + std::to_string(capability % 10));
  }
  return (newest == capability ? "sm_" : "compute_") + std::to_string(newest);
}

std::string Nvrtc::compile(const std::string& name, const std::string& source,
                           const std::vector<std::string>& options) const {
  Program program = nullptr;
  if (!succeeds(create_, &program, source.c_str(), name.c_str(), 0, nullptr, nullptr)) {
    throw std::runtime_error("NVRTC " + version_ + " rejects the source of the kernel " + name);
  }
  const auto destroy = [this](Program made) { destroy_(&made); };
  const std::unique_ptr<void, decltype(destroy)> owner(program, destroy);
  std::vector<const char*> words;
  bool machine_code = false;
  for (const auto& option : options) {
    words.push_back(option.c_str());
    machine_code = machine_code || option.find("=sm_") != std::string::npos;
  }
  if (!succeeds(compile_, program, static_cast<int>(words.size()), words.data())) {
    throw std::runtime_error("NVRTC " + version_ + " cannot compile the kernel " + name + ": " + complaint_of(program));
  }
  auto image = image_of(program, machine_code);
  if (image.empty()) throw std::runtime_error("NVRTC " + version_ + " produced no code for the kernel " + name);
  return image;
}

std::string Nvrtc::image_of(Program program, bool machine_code) const {
  size_t size = 0;
  succeeds(machine_code ? get_cubin_size_ : get_ptx_size_, program, &size);
  std::string image(size, '\0');
  return succeeds(machine_code ? get_cubin_ : get_ptx_, program, image.data()) ? image : "";
}

std::string Nvrtc::complaint_of(Program program) const {
  size_t size = 0;
  succeeds(get_log_size_, program, &size);
  std::string log(size, '\0');
  succeeds(get_log_, program, log.data());
  // The size includes the terminating NUL.
  log.erase(log.find_last_not_of('\0') + 1);
  return first_error(log);
}

}  // namespace virnucpro
