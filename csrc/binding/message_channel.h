#pragma once

#include <napi.h>

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "device/worker_message.h"

namespace virnucpro {

// Carries a worker's messages to a JavaScript function. It keeps no process alive. Made, used and destroyed on the
// JavaScript thread, but for `tell`.
class MessageChannel {
 public:
  MessageChannel(Napi::Env env, const Napi::Function& receiver);
  // Closes.
  ~MessageChannel();
  MessageChannel(const MessageChannel&) = delete;
  MessageChannel& operator=(const MessageChannel&) = delete;

  // For any thread; it may be called when the channel is closed or gone, and then does nothing.
  Tell tell() const;
  // Hands over at once what was told so far: in the order in which the thread did things, before its promise settles.
  void deliver(Napi::Env env);
  // Nothing is handed over from here on.
  void close();

 private:
  struct Receiver;
  static void wake(Napi::Env env, Napi::Function, Receiver* receiver, std::nullptr_t*);
  using Waker = Napi::TypedThreadSafeFunction<Receiver, std::nullptr_t, &MessageChannel::wake>;

  // What the telling thread shares.
  struct Queue {
    std::mutex mutex;
    std::deque<WorkerMessage> messages;
    Waker waker;
    bool open = true;  // whether the waker is held
  };
  // What the JavaScript thread alone uses; the waker holds it as well.
  struct Receiver {
    std::shared_ptr<Queue> queue;
    Napi::FunctionReference function;

    void deliver(Napi::Env env);
  };

  std::shared_ptr<Receiver> receiver_;
};

}  // namespace virnucpro
