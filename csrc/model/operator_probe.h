#pragma once

#include <c10/util/Exception.h>

namespace virnucpro {

// Whether libtorch supports what `call` does: it reports what it was built without only when called. Rethrows failures
// of the device itself, which say nothing about libtorch.
template <typename Call>
bool libtorch_can(Call call) {
  try {
    call();
    return true;
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::AcceleratorError&) {
    throw;
  } catch (const c10::Error&) {
    return false;
  }
}

}  // namespace virnucpro
