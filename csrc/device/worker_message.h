#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>

namespace virnucpro {

struct LoadingMessage {
  int64_t bytes_done;
  int64_t bytes_total;
};

struct LogMessage {
  enum class Level { kInfo, kWarn };
  Level level;
  std::string text;  // one line
};

// `WorkerMessage` of lib/engine/addon.ts.
using WorkerMessage = std::variant<LoadingMessage, LogMessage>;

// Sends a message, from any thread; never throws.
using Emit = std::function<void(WorkerMessage)>;

}  // namespace virnucpro
