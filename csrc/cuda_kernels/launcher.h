#pragma once

namespace virnucpro {

// Blocks of a launch and threads of a block. All shared memory is static.
struct LaunchShape {
  unsigned grid_x;
  unsigned grid_y;
  unsigned block_x;
};

// The kernels of one element type on one device, or their emulation.
class KernelLauncher {
 public:
  KernelLauncher() = default;
  KernelLauncher(const KernelLauncher&) = delete;
  KernelLauncher& operator=(const KernelLauncher&) = delete;
  virtual ~KernelLauncher() = default;

  // kernel: the name of a KernelSource. arguments: the address of each argument; they need not outlive the call.
  virtual void launch(const char* kernel, const LaunchShape& shape, void** arguments) const = 0;
};

}  // namespace virnucpro
