#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "archive/architecture.h"
#include "archive/loading_progress.h"
#include "model/encoder.h"

namespace virnucpro {

struct ModelPart {
  std::string path;
  Architecture architecture;
};

// What a worker is opened with: `OpenRequest` of lib/engine/addon.ts, without its callback and signals.
struct OpenRequest {
  std::string device;
  at::ScalarType dtype = at::kFloat;
  int threads = 1;
  EngineKind engine = EngineKind::kPacked;
  std::optional<int64_t> max_memory;  // bytes, weights included
  double deadline = 120;              // seconds, see DeviceStream; DEFAULT_DEADLINE of lib/engine/addon.ts
  std::optional<ModelPart> dna;
  std::optional<ModelPart> protein;
  std::optional<ModelPart> classifier;
  // Cancels the loading.
  std::shared_ptr<Cancellation> cancellation = std::make_shared<Cancellation>();
};

}  // namespace virnucpro
