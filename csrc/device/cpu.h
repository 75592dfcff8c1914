#pragma once

#include "device/devices.h"

namespace virnucpro {

DeviceDescription describe_cpu();

}  // namespace virnucpro
