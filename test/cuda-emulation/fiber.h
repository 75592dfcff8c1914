// A function on a stack of its own that gives way by itself, and is gone on with when it is its turn.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include "guarded_memory.h"

namespace emulation {

// The program's own stack, and the one that every fiber gives way to.
class Fiber {
 public:
  // Runs, or goes on with, `body`, which must never return, until it gives way.
  void resume(void (*body)()) {
    if (_setjmp(resumer_) != 0) return;
    if (started_) _longjmp(suspended_, 1);
    started_ = true;
    getcontext(&first_);
    first_.uc_stack.ss_sp = stack_.begin();
    first_.uc_stack.ss_size = stack_.bytes();
    first_.uc_link = nullptr;
    makecontext(&first_, body, 0);
    setcontext(&first_);
  }

  void give_way() {
    // Unlike swapcontext this asks nothing of the system.
    if (_setjmp(suspended_) == 0) _longjmp(resumer_, 1);
  }

 private:
  static constexpr size_t kStackBytes = 64 << 10;

  GuardedMemory stack_{kStackBytes};
  bool started_ = false;
  ucontext_t first_;
  jmp_buf suspended_;
  jmp_buf resumer_;
};

}  // namespace emulation
