#pragma once

#include <napi.h>

#include <memory>

#include "tokenizer/byte_pair.h"

namespace virnucpro {

// `BytePairTokenizer` of lib/engine/addon.ts.
class TokenizerBinding : public Napi::ObjectWrap<TokenizerBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  // These hide the base's own, as in WorkerBinding.
  static TokenizerBinding* Unwrap(const Napi::Object& receiver);
  static Napi::Value OnCalledAsFunction(const Napi::CallbackInfo& info);
  explicit TokenizerBinding(const Napi::CallbackInfo& info);

 private:
  Napi::Value encode(const Napi::CallbackInfo& info);

  std::unique_ptr<BytePairTokenizer> tokenizer_;
};

}  // namespace virnucpro
