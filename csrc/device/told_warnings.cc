#include "device/told_warnings.h"

#include "failure_description.h"

namespace virnucpro {

void ToldWarnings::process(const c10::Warning& warning) {
  auto text = first_line(warning.msg());
  if (told_.insert(text).second) tell_(LogMessage{LogMessage::Level::kWarn, std::move(text)});
}

}  // namespace virnucpro
