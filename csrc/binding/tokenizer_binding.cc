#include "binding/tokenizer_binding.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/failure.h"
#include "error.h"

namespace virnucpro {

namespace {

std::unique_ptr<BytePairTokenizer> tokenizer_from(const Napi::Object& vocabulary) {
  const auto list = array_field(vocabulary, "tokens");
  std::vector<std::string> tokens;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value token = list.Get(i);
    if (!token.IsString()) throw Error(code::kArgument, "Expected strings for `tokens` but received another kind");
    tokens.push_back(token.As<Napi::String>().Utf8Value());
  }
  const auto merges = int32_array_field(vocabulary, "merges");
  if (merges.size() % 3 != 0) {
    throw Error(code::kArgument,
                "Expected triples for `merges` but received " + std::to_string(merges.size()) + " numbers");
  }
  const auto id = [&](const char* name) { return static_cast<int32_t>(integer_field(vocabulary, name, 0, INT32_MAX)); };
  return std::make_unique<BytePairTokenizer>(std::move(tokens), merges.data(), merges.size() / 3, id("unknown"),
                                             id("prefix"), id("suffix"));
}

Napi::Int32Array int32_array(Napi::Env env, const std::vector<int32_t>& values) {
  auto array = Napi::Int32Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(int32_t));
  return array;
}

}  // namespace

Napi::Function TokenizerBinding::define(Napi::Env env) {
  return DefineClass(env, "BytePairTokenizer", {InstanceMethod<&TokenizerBinding::encode>("encode")});
}

TokenizerBinding::TokenizerBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TokenizerBinding>(info) {
  guarded(info.Env(), [&] {
    tokenizer_ = tokenizer_from(object_argument(info, 0, "vocabulary"));
    return info.Env().Undefined();
  });
}

Napi::Value TokenizerBinding::encode(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto text_value = info[0];
    const auto offsets_value = info[1];
    if (!text_value.IsTypedArray() || text_value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      throw Error(code::kArgument, "Expected a Uint8Array for `text` but received another kind of value");
    }
    if (!offsets_value.IsTypedArray() || offsets_value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
      throw Error(code::kArgument, "Expected an Int32Array for `offsets` but received another kind of value");
    }
    const auto text = text_value.As<Napi::Uint8Array>();
    const auto offsets = offsets_value.As<Napi::Int32Array>();
    const auto sequences = offsets.ElementLength() == 0 ? 0 : offsets.ElementLength() - 1;
    std::vector<int32_t> tokens;
    std::vector<int32_t> token_offsets{0};
    tokens.reserve(text.ElementLength() / 2 + 2 * sequences);
    token_offsets.reserve(sequences + 1);
    BytePairTokenizer::Scratch scratch(*tokenizer_);
    for (size_t i = 0; i < sequences; ++i) {
      const auto begin = offsets[i];
      const auto end = offsets[i + 1];
      if (begin < 0 || end < begin || static_cast<size_t>(end) > text.ElementLength()) {
        throw Error(code::kArgument, "Expected rising offsets within the text for `offsets` but received " +
                                         std::to_string(begin) + " .. " + std::to_string(end));
      }
      const auto* letters = reinterpret_cast<const char*>(text.Data()) + begin;
      tokenizer_->encode(letters, static_cast<size_t>(end - begin), scratch, tokens);
      token_offsets.push_back(static_cast<int32_t>(tokens.size()));
    }
    auto packed = Napi::Object::New(env);
    packed.Set("tokens", int32_array(env, tokens));
    packed.Set("offsets", int32_array(env, token_offsets));
    return packed;
  });
}

}  // namespace virnucpro
