#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <set>

#include "binding/completion.h"
#include "binding/message_channel.h"
#include "device/worker.h"

namespace virnucpro {

// `NativeWorker` of lib/engine/addon.ts: the JavaScript object owns the device's thread. Used on the JavaScript thread.
// The rules of DeviceWorker apply.
class WorkerBinding : public Napi::ObjectWrap<WorkerBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  // These hide the base's own: JavaScript can call an accessor on any object, and the class without `new`.
  static WorkerBinding* Unwrap(const Napi::Object& receiver);
  static Napi::Value OnCalledAsFunction(const Napi::CallbackInfo& info);
  // openWorker(request): Promise<NativeWorker>
  static Napi::Value open(const Napi::CallbackInfo& info);
  // deviceHangs(): boolean
  static Napi::Value device_hangs(const Napi::CallbackInfo& info);
  // For the process's `exit` event, since process.exit runs no cleanup hooks: joins the threads of this environment's
  // workers before libtorch's globals are destroyed (rule 5).
  static void join_all(const Napi::CallbackInfo& info);

  explicit WorkerBinding(const Napi::CallbackInfo& info);
  WorkerBinding(const WorkerBinding&) = delete;
  WorkerBinding& operator=(const WorkerBinding&) = delete;
  ~WorkerBinding() override;

 private:
  // Ends and joins the thread, or gives it up if it does not end.
  static void join(void* self);
  // Abandons a thread that is stuck inside the driver, and keeps what it uses (rule 6).
  void give_up();

  Napi::Value start(Napi::Env env, OpenRequest request, std::unique_ptr<MessageChannel> messages);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value embed(const Napi::CallbackInfo& info);
  Napi::Value measure_linear(const Napi::CallbackInfo& info);
  Napi::Value classify(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value abandon(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value weight_bytes(const Napi::CallbackInfo& info);
  Napi::Value threads(const Napi::CallbackInfo& info);
  Napi::Value progress(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);

  std::shared_ptr<Completion> completion(Napi::Env env);
  // Submits a SomeJob of these arguments to the device's thread; returns its promise.
  template <typename SomeJob, typename... Arguments>
  Napi::Value submit(Napi::Env env, Arguments&&... arguments);

  napi_env env_;
  std::shared_ptr<std::set<WorkerBinding*>> alive_;
  int64_t weight_bytes_ = 0;
  int threads_ = 0;
  std::unique_ptr<MessageChannel> messages_;  // null: nobody listens
  MemoryFigures last_memory_;                 // the peaks of a closed worker
  std::unique_ptr<DeviceWorker> worker_;
};

}  // namespace virnucpro
