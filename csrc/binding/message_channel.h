#pragma once

#include <napi.h>

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "device/worker_message.h"

namespace virnucpro {

// Carries a worker's messages to a JavaScript function. Does not keep the process alive. Made, used and destroyed on
// the JavaScript thread; only the function from `emit` runs elsewhere.
class MessageChannel {
 public:
  MessageChannel(Napi::Env env, const Napi::Function& receiver);
  // Closes.
  ~MessageChannel();
  MessageChannel(const MessageChannel&) = delete;
  MessageChannel& operator=(const MessageChannel&) = delete;

  // The returned function may be called on any thread; it does nothing once the channel is closed or gone.
  Emit emit() const;
  // Delivers at once what was emitted so far, in order.
  void deliver(Napi::Env env);
  // Nothing is delivered from here on.
  void close();

 private:
  struct Receiver;
  static void wake(Napi::Env env, Napi::Function, Receiver* receiver, std::nullptr_t*);
  using Waker = Napi::TypedThreadSafeFunction<Receiver, std::nullptr_t, &MessageChannel::wake>;

  // Shared with the thread that emits.
  struct Queue {
    std::mutex mutex;
    std::deque<WorkerMessage> messages;
    Waker waker;
    bool open = true;  // whether the waker is held
  };
  // Used by the JavaScript thread alone; the waker holds it as well.
  struct Receiver {
    std::shared_ptr<Queue> queue;
    Napi::FunctionReference function;

    void deliver(Napi::Env env);
  };

  std::shared_ptr<Receiver> receiver_;
};

}  // namespace virnucpro
