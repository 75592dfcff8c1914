#pragma once

#include <functional>

namespace virnucpro {

// The threads that share one worker's work on the CPU: the OpenMP team of the thread that computes.
//
// OpenMP may give a parallel region fewer threads than it asked for: because of OMP_DYNAMIC, OMP_THREAD_LIMIT or
// OMP_MAX_ACTIVE_LEVELS=0, or because of limits of another vendor's runtime. oneDNN assumes that this never happens.
// Its `parallel` (src/common/dnnl_thread.hpp) only asserts it, and release builds leave the assertion out. Its products
// divide their work by the number of threads that they asked for: one block per thread in
// src/cpu/x64/gemm/f32/jit_avx_gemm_f32.cpp, one part per thread in src/cpu/x64/matmul/brgemm_matmul.cpp. Memory that
// the missing threads should have written keeps its old contents. So the whole team is formed here, and is checked
// wherever its threads can be counted.

// Forms the calling thread's team. Resets the thread to IEEE 754 rounding with subnormal numbers kept, whatever it
// inherited from the thread that made it. The team's threads exist from then on. Returns their number: `threads`, or
// fewer where OpenMP allows no more (OMP_THREAD_LIMIT). Throws kThreads if the system does not provide that many
// threads, or if OpenMP forms a smaller team anyway.
int form_thread_team(int threads);

// Throws kThreads if a parallel region of this thread gets too few threads now.
void expect_whole_team();

// Calls `work(thread, threads)` once on every thread of the calling thread's team, and rethrows what one of them
// throws. If the team was too small, throws kThreads after the work, all of which the present threads have done.
void on_every_thread(const std::function<void(int thread, int threads)>& work);

// While it exists, the calling thread computes alone. For a thread that belongs to someone else: it has no team yet,
// and the system might refuse it one.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

}  // namespace virnucpro
