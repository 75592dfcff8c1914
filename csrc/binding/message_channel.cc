#include "binding/message_channel.h"

#include <string>
#include <utility>
#include <variant>

namespace virnucpro {

namespace {

struct ToJavascript {
  Napi::Env env;

  Napi::Object operator()(const LoadingMessage& message) const {
    auto object = Napi::Object::New(env);
    object.Set("kind", "loading");
    object.Set("bytesDone", static_cast<double>(message.bytes_done));
    object.Set("bytesTotal", static_cast<double>(message.bytes_total));
    return object;
  }
  Napi::Object operator()(const LogMessage& message) const {
    auto object = Napi::Object::New(env);
    object.Set("kind", "log");
    object.Set("level", message.level == LogMessage::Level::kWarn ? "warn" : "info");
    object.Set("text", message.text);
    return object;
  }
};

}  // namespace

void MessageChannel::Receiver::deliver(Napi::Env env) {
  std::deque<WorkerMessage> messages;
  {
    const std::lock_guard<std::mutex> lock(queue->mutex);
    messages.swap(queue->messages);
  }
  for (const auto& message : messages) {
    // The function may have closed the worker.
    if (function.IsEmpty()) return;
    try {
      function.Call({std::visit(ToJavascript{env}, message)});
    } catch (const Napi::Error& error) {
      // Like an error of any other callback, it reaches `uncaughtException`, not the promise that is about to settle.
      napi_fatal_exception(env, error.Value());
    }
  }
}

MessageChannel::MessageChannel(Napi::Env env, const Napi::Function& receiver)
    : receiver_(std::make_shared<Receiver>()) {
  auto queue = std::make_shared<Queue>();
  receiver_->queue = queue;
  receiver_->function = Napi::Persistent(receiver);
  auto held = std::make_unique<std::shared_ptr<Receiver>>(receiver_);
  queue->waker = Waker::New(
      env, "virnucpro messages", /*maxQueueSize=*/0, /*initialThreadCount=*/1, receiver_.get(),
      [](Napi::Env, std::shared_ptr<Receiver>* given, Receiver*) {
        const std::unique_ptr<std::shared_ptr<Receiver>> last(given);
        // The waker ends with its environment, whoever still holds it: from here on it is freed memory.
        const std::lock_guard<std::mutex> lock((*last)->queue->mutex);
        (*last)->queue->open = false;
      },
      held.get());
  static_cast<void>(held.release());  // freed by the function above
  queue->waker.Unref(env);
}

MessageChannel::~MessageChannel() {
  try {
    close();
  } catch (...) {
    // Closing fails only if the environment is gone, and then it has taken the function with it.
  }
}

Emit MessageChannel::emit() const {
  return [queue = receiver_->queue](WorkerMessage message) {
    const std::lock_guard<std::mutex> lock(queue->mutex);
    if (!queue->open) return;
    queue->messages.push_back(std::move(message));
    if (queue->messages.size() > 1) return;
    // A waker that is closing with its environment treats this call as its release.
    queue->open = queue->waker.NonBlockingCall() != napi_closing;
  };
}

void MessageChannel::deliver(Napi::Env env) { receiver_->deliver(env); }

void MessageChannel::close() {
  receiver_->function.Reset();
  const std::lock_guard<std::mutex> lock(receiver_->queue->mutex);
  receiver_->queue->messages.clear();
  if (std::exchange(receiver_->queue->open, false)) receiver_->queue->waker.Release();
}

void MessageChannel::wake(Napi::Env env, Napi::Function, Receiver* receiver, std::nullptr_t*) {
  if (env != nullptr) receiver->deliver(env);
}

}  // namespace virnucpro
