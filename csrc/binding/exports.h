#pragma once

#include <napi.h>

#include <memory>
#include <set>

namespace virnucpro {

class WorkerBinding;

// What one JavaScript environment (the main one, or one worker thread's) holds of the addon.
struct Exports {
  Napi::FunctionReference worker;
  // The workers that are alive; each holds this set, too, because one may be destroyed after its environment's data.
  std::shared_ptr<std::set<WorkerBinding*>> workers = std::make_shared<std::set<WorkerBinding*>>();
};

}  // namespace virnucpro
