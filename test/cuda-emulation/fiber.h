// A function on its own stack that yields by itself and is resumed when it is its turn.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include "guarded_memory.h"

namespace emulation {

// The program's own stack is what every fiber yields to.
class Fiber {
 public:
  // Runs or resumes `body`, which must never return, until it yields.
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
    // Unlike swapcontext, this makes no system call.
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
