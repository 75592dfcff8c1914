// Launches kernels that were compiled for the host.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

#include "cuda_kernels/launcher.h"

struct Traffic {
  int64_t read, reused, written;
};

class EmulatedKernels final : public virnucpro::KernelLauncher {
 public:
  // folder: contains <kernel>.so for each kernel; they stay loaded.
  explicit EmulatedKernels(std::string folder) : folder_(std::move(folder)) {}

  // 0: threads forward, 1: backward, otherwise random with this seed.
  void run_in_order(uint64_t order) { order_ = order; }

  // Of the last launch.
  const Traffic& traffic() const { return traffic_; }

  void launch(const char* kernel, const virnucpro::LaunchShape& shape, void** arguments) const override {
    auto& library = libraries_[kernel];
    if (library == nullptr) library = dlopen((folder_ + "/" + kernel + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    const auto order = reinterpret_cast<void (*)(uint64_t)>(dlsym(library, "emulate_in_order"));
    const auto emulate = reinterpret_cast<void (*)(void**, const virnucpro::LaunchShape*, void* (*)(void*), Traffic*)>(
        dlsym(library, (std::string("emulate_") + kernel).c_str()));
    if (order == nullptr || emulate == nullptr) throw std::runtime_error(dlerror());
    order(order_);
    emulate(arguments, &shape, [](void* address) { return address; }, &traffic_);
  }

 private:
  std::string folder_;
  uint64_t order_ = 0;
  mutable std::map<std::string, void*> libraries_;
  mutable Traffic traffic_{};
};
