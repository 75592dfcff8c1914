#include "device/warning_forwarder.h"

#include "failure_description.h"

namespace virnucpro {

void WarningForwarder::process(const c10::Warning& warning) {
  auto text = first_line(warning.msg());
  if (emitted_.insert(text).second) emit_(LogMessage{LogMessage::Level::kWarn, std::move(text)});
}

}  // namespace virnucpro
