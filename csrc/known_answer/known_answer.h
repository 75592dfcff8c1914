#pragma once

#include "archive/architecture.h"
#include "model/encoder.h"
#include "model/placement.h"

namespace virnucpro {

// Computes the smallest model of this kind (known_model.h) where and as the real one will be, by the threads of the
// calling thread, and compares with what the definition gives (plain_forward.h). Takes milliseconds on a CPU. Whatever
// makes numbers wrong without saying so is seen here: threads that are missing, a library in the place of another, a
// setting that multiplies in fewer digits, a fault of the hardware. Throws kWrongNumbers.
void expect_known_answer(const Architecture& architecture, EngineKind engine, const Placement& placement);

}  // namespace virnucpro
