#include "archive/loading_progress.h"

#include <algorithm>

namespace virnucpro {

namespace {

constexpr int64_t kReports = 96;

}  // namespace

void LoadingProgress::next_archive(int64_t bytes) {
  cancellation_.expect_wanted();
  before_ += archive_;
  archive_ = bytes;
  read_ = 0;
  laid_out_ = 0;
}

void LoadingProgress::read(int64_t bytes) {
  read_ += bytes;
  report(before_ + std::min(read_, archive_) / 2 + std::min(laid_out_, archive_) / 2);
}

void LoadingProgress::laid_out(int64_t bytes) {
  cancellation_.expect_wanted();
  laid_out_ += bytes;
  read(0);
}

void LoadingProgress::finish() {
  cancellation_.expect_wanted();
  report_(total_, total_);
}

void LoadingProgress::report(int64_t done) {
  // `finish` makes the last report.
  if (done - reported_ < total_ / kReports + 1 || done >= total_) return;
  reported_ = done;
  report_(done, total_);
}

}  // namespace virnucpro
