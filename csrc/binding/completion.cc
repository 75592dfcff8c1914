#include "binding/completion.h"

#include <utility>

#include "binding/failure.h"

namespace virnucpro {

Completion::Completion(Napi::Env env, std::function<void()> settled)
    : deferred_(Napi::Promise::Deferred::New(env)),
      settled_(std::move(settled)),
      channel_(Channel::New(env, "virnucpro", /*maxQueueSize=*/0, /*initialThreadCount=*/1)) {}

void Completion::resolve(MakeValue make_value) { send(std::move(make_value), nullptr); }

void Completion::reject(std::exception_ptr reason) { send(nullptr, std::move(reason)); }

void Completion::send(MakeValue make_value, std::exception_ptr reason) {
  if (sent_.exchange(true)) return;
  auto settlement = std::make_unique<Settlement>(
      Settlement{deferred_, std::move(settled_), std::move(make_value), std::move(reason)});
  // The channel owns what it accepts, and gives it to `settle`. A channel that is closing with its environment has
  // already let go of this thread: releasing it again would touch freed memory.
  const auto sent = channel_.NonBlockingCall(settlement.get());
  if (sent == napi_ok) static_cast<void>(settlement.release());
  if (sent != napi_closing) channel_.Release();
}

void Completion::settle(Napi::Env env, Napi::Function, std::nullptr_t*, Settlement* given) {
  const std::unique_ptr<Settlement> settlement(given);
  if (env == nullptr) return;
  const Napi::HandleScope scope(env);
  settlement->settled();
  virnucpro::settle(env, settlement->deferred, [&] {
    if (settlement->reason) std::rethrow_exception(settlement->reason);
    return settlement->make_value(env);
  });
}

}  // namespace virnucpro
