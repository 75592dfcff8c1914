#pragma once

#include <atomic>

#include "error.h"

namespace virnucpro {

// Whether models that are being loaded are still wanted. Set by one thread, looked at by others.
class Cancellation {
 public:
  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

  // Throws kAborted.
  void expect_wanted() const {
    if (cancelled_) throw Error(code::kAborted, "The loading was ended by its caller before its end");
  }

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace virnucpro
