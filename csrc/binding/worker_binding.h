#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>

#include "binding/completion.h"
#include "binding/message_channel.h"
#include "device/worker.h"

namespace virnucpro {

// `NativeWorker` of lib/engine/addon.ts. The JavaScript object owns the device's thread; it keeps itself alive while a
// promise of its is open, so that it is collected, and the thread joined, only when idle.
class WorkerBinding : public Napi::ObjectWrap<WorkerBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  // Hide those of the base: an accessor of JavaScript can be called on any object, and the class without `new`.
  static WorkerBinding* Unwrap(const Napi::Object& receiver);
  static Napi::Value OnCalledAsFunction(const Napi::CallbackInfo& info);
  // openWorker(request): Promise<NativeWorker>
  static Napi::Value open(const Napi::CallbackInfo& info);
  // deviceHangs(): boolean
  static Napi::Value device_hangs(const Napi::CallbackInfo& info);
  // For the process's `exit` event: process.exit runs no cleanup hook, and a thread that computed on would meet the
  // destructors of libtorch's globals. Joins the threads of this environment's workers.
  static void join_all(const Napi::CallbackInfo& info);

  explicit WorkerBinding(const Napi::CallbackInfo& info);
  WorkerBinding(const WorkerBinding&) = delete;
  WorkerBinding& operator=(const WorkerBinding&) = delete;
  ~WorkerBinding() override;

 private:
  // When the environment ends: its channels go before its objects do, so the thread that calls them has to go first.
  // Gives up one that does not end.
  static void join(void* self);
  void give_up();

  Napi::Value start(Napi::Env env, OpenRequest request, std::unique_ptr<MessageChannel> messages);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value embed(const Napi::CallbackInfo& info);
  Napi::Value measure_linear(const Napi::CallbackInfo& info);
  Napi::Value classify(const Napi::CallbackInfo& info);
  Napi::Value withdraw(const Napi::CallbackInfo& info);
  Napi::Value abandon(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value weight_bytes(const Napi::CallbackInfo& info);
  Napi::Value threads(const Napi::CallbackInfo& info);
  Napi::Value progress(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);

  std::shared_ptr<Completion> completion(Napi::Env env);
  // Starts on the device's thread and waits there for what `start` gives back, then makes the promise's value of the
  // result on this one.
  template <typename Result>
  Napi::Value submit(Napi::Env env, std::function<std::function<Result()>(PipelineModels&)> start,
                     std::function<Napi::Value(Napi::Env, const Result&)> make_value);

  napi_env env_;
  std::shared_ptr<std::set<WorkerBinding*>> alive_;
  int64_t weight_bytes_ = 0;
  int threads_ = 0;
  std::unique_ptr<MessageChannel> messages_;  // null: nobody listens
  MemoryFigures last_memory_;                 // of a worker that is closed: its peaks
  std::unique_ptr<DeviceWorker> worker_;
};

}  // namespace virnucpro
