#include "stream/hanging_devices.h"

#include <atomic>

namespace virnucpro {

namespace {

std::atomic<bool> hangs{false};

}  // namespace

void remember_hanging_device() { hangs = true; }

bool has_hanging_device() { return hangs; }

}  // namespace virnucpro
