#pragma once

#include <c10/util/Exception.h>

namespace virnucpro {

// Whether libtorch can do what `call` does: what it was built without, it says only when it is called. Throws what the
// device itself fails with, which says nothing of libtorch.
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
