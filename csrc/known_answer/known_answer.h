#pragma once

#include "archive/architecture.h"
#include "model/encoder.h"
#include "model/placement.h"

namespace virnucpro {

// Computes the smallest model of this kind (known_model.h) on the device and in the way of the real one, with the
// calling thread's team, and compares it with what the definition gives (plain_forward.h). Takes milliseconds on a CPU.
// Detects whatever silently makes numbers wrong: missing threads, one library in place of another, a setting that
// multiplies with fewer digits, faulty hardware. Throws kWrongNumbers.
void expect_known_answer(const Architecture& architecture, EngineKind engine, const Placement& placement);

}  // namespace virnucpro
