#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "error.h"

namespace virnucpro {

// Whether the models that are being loaded are still wanted. Set by one thread, read by others.
class Cancellation {
 public:
  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

  // Throws kAborted.
  void expect_wanted() const {
    if (cancelled_) throw Error(code::kAborted, "The caller cancelled loading");
  }

 private:
  std::atomic<bool> cancelled_{false};
};

// How far the loading of several archives has come, in bytes. Reading an archive counts for half of its bytes, laying
// its parameters out for the device for the other half. Reports about a hundred times, and at the end. Used by one
// thread. Once the loading is cancelled, every step but `read` throws kAborted.
class LoadingProgress {
 public:
  using Report = std::function<void(int64_t done, int64_t total)>;

  // `total`: bytes of all archives together. `cancellation` outlives the object.
  LoadingProgress(Report report, int64_t total, const Cancellation& cancellation)
      : report_(std::move(report)), total_(total), cancellation_(cancellation) {}

  // Starts the next archive, of this size; the ones before are done.
  void next_archive(int64_t bytes);
  void read(int64_t bytes);
  void laid_out(int64_t bytes);
  // All archives are done.
  void finish();

  const Cancellation& cancellation() const { return cancellation_; }

 private:
  void report(int64_t done);

  Report report_;
  int64_t total_;
  const Cancellation& cancellation_;
  int64_t before_ = 0;
  int64_t archive_ = 0;
  int64_t read_ = 0;
  int64_t laid_out_ = 0;
  int64_t reported_ = 0;
};

}  // namespace virnucpro
