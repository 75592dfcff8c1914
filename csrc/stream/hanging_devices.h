#pragma once

namespace virnucpro {

// Remembers for the whole process that one of its devices hangs. From then on nobody may call what waits for all
// devices (libtorch gives memory back to all of them at once), and the process's own end would wait for it as well.
void remember_hanging_device();
bool has_hanging_device();

}  // namespace virnucpro
