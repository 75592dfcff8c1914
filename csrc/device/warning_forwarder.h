#pragma once

#include <c10/util/Exception.h>

#include <set>
#include <string>

#include "device/worker_message.h"

namespace virnucpro {

// While it exists, libtorch's warnings on this thread are emitted as messages, each text once, instead of being written
// to standard error.
class WarningForwarder final : public c10::WarningHandler {
 public:
  explicit WarningForwarder(Emit emit) : emit_(std::move(emit)) {}

  void process(const c10::Warning& warning) override;

 private:
  Emit emit_;
  std::set<std::string> emitted_;
  // libtorch keeps one handler per thread.
  c10::WarningUtils::WarningHandlerGuard installed_{this};
};

}  // namespace virnucpro
