#pragma once

#include <c10/util/Exception.h>

#include <set>
#include <string>

#include "device/worker_message.h"

namespace virnucpro {

// As long as it stands, what libtorch warns of on this thread is told as a message, each text once, instead of being
// written to standard error.
class ToldWarnings final : public c10::WarningHandler {
 public:
  explicit ToldWarnings(Tell tell) : tell_(std::move(tell)) {}

  void process(const c10::Warning& warning) override;

 private:
  Tell tell_;
  std::set<std::string> told_;
  // libtorch keeps one handler a thread.
  c10::WarningUtils::WarningHandlerGuard installed_{this};
};

}  // namespace virnucpro
