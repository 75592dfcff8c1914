#pragma once

namespace virnucpro {

// Remembers for the whole process that one of its devices hangs. From then on nothing may be called that waits for all
// devices (libtorch returns memory to all of them at once). The process's own exit would wait for it as well.
void remember_hanging_device();
bool has_hanging_device();

}  // namespace virnucpro
