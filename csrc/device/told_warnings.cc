#include "device/told_warnings.h"

namespace virnucpro {

void ToldWarnings::process(const c10::Warning& warning) {
  auto text = warning.msg().substr(0, warning.msg().find('\n'));
  if (told_.insert(text).second) tell_(LogMessage{LogMessage::Level::kWarn, std::move(text)});
}

}  // namespace virnucpro
