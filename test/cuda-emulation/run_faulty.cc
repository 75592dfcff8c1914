// Runs faulty.cu: run_faulty FOLDER FAULT. Writes a line for each order of the threads: the sum of the threads'
// results.
#include <cstdio>
#include <cstdlib>

#include "emulated_kernels.h"
#include "guarded_memory.h"

int main(int, char** words) {
  constexpr int kThreads = 64;
  EmulatedKernels kernels(words[1]);
  int fault = std::atoi(words[2]);
  emulation::GuardedMemory input(kThreads * sizeof(float));
  emulation::GuardedMemory output(kThreads * sizeof(float));
  auto* from = reinterpret_cast<float*>(input.begin());
  auto* to = reinterpret_cast<float*>(output.begin());
  for (int i = 0; i < kThreads; ++i) from[i] = 1;
  for (const uint64_t order : {0, 1, 2, 3}) {
    void* arguments[] = {&from, &to, &fault};
    kernels.run_in_order(order);
    kernels.launch("faulty", {1, 1, kThreads}, arguments);
    float sum = 0;
    for (int i = 0; i < kThreads; ++i) sum += to[i];
    std::printf("%g\n", static_cast<double>(sum));
  }
}
