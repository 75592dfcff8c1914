#pragma once

#include <napi.h>

#include <memory>
#include <set>

namespace virnucpro {

class WorkerBinding;

// The addon's state in one JavaScript environment (the main one, or a worker thread's).
struct EnvironmentState {
  Napi::FunctionReference worker;
  // The live workers. Each holds this set too, because a worker may be destroyed after its environment's data.
  std::shared_ptr<std::set<WorkerBinding*>> workers = std::make_shared<std::set<WorkerBinding*>>();
};

}  // namespace virnucpro
