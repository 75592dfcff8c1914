#pragma once

#include <functional>

namespace virnucpro {

// The threads that share the CPU's work of one worker: the team of OpenMP that belongs to the thread that computes.
//
// OpenMP may give a parallel region fewer threads than it asked for: with OMP_DYNAMIC, beyond OMP_THREAD_LIMIT, with
// OMP_MAX_ACTIVE_LEVELS=0, by limits of another vendor's runtime. oneDNN takes for granted that it never does. Its
// `parallel` (src/common/dnnl_thread.hpp) only asserts it, which a release leaves out, and its products cut their work
// by the number of threads that they asked for: one block a thread in src/cpu/x64/gemm/f32/jit_avx_gemm_f32.cpp, one
// part a thread in src/cpu/x64/matmul/brgemm_matmul.cpp. What the missing threads should have computed stays as the
// memory was. So the team is made whole here, and every place that can count it does.

// Forms the team of the calling thread, with numbers rounded and small numbers kept as IEEE 754 has it whatever the
// thread that made this one had chosen. Its threads exist from then on. Returns their number: `threads`, or
// fewer where OpenMP allows no more (OMP_THREAD_LIMIT). Throws kThreads when the system does not give as many threads,
// or OpenMP forms a shorter team all the same.
int form_thread_team(int threads);

// Throws kThreads when a parallel region of this thread is short of threads now.
void expect_whole_team();

// Calls `work(thread, threads)` once on every thread of the calling thread's team; what one of them throws is thrown
// here. Throws kThreads when the team was short, after the work: all of it was done by those that were there.
void on_every_thread(const std::function<void(int thread, int threads)>& work);

// As long as it stands, the calling thread computes alone: a thread of somebody else's that has no team yet, and that
// the system might refuse one.
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
