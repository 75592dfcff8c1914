#include "binding/tokenizer_binding.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/failure.h"
#include "binding/receiver.h"
#include "error.h"

namespace virnucpro {

namespace {

// Marks every object that this class wraps, and nothing else.
constexpr napi_type_tag kTokenizerTag = {0x6f0d2c84b1e94a37, 0x8ac5d71f3b604e92};

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
  BytePairTokenizer::Words words;
  words.length = static_cast<size_t>(integer_field(vocabulary, "wordLength", 0, INT32_MAX));
  words.whole = boolean_field(vocabulary, "wholeWords");
  return std::make_unique<BytePairTokenizer>(tokens, merges.data(), merges.size() / 3, id("unknown"), id("prefix"),
                                             id("suffix"), words);
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

TokenizerBinding* TokenizerBinding::Unwrap(const Napi::Object& receiver) {
  return unwrapped<TokenizerBinding>(receiver, kTokenizerTag, "BytePairTokenizer");
}

Napi::Value TokenizerBinding::OnCalledAsFunction(const Napi::CallbackInfo& info) {
  return called_without_new(info, "BytePairTokenizer");
}

TokenizerBinding::TokenizerBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TokenizerBinding>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTokenizerTag);
  guarded(info.Env(), [&] {
    tokenizer_ = tokenizer_from(object_argument(info, 0, "vocabulary"));
    return info.Env().Undefined();
  });
}

Napi::Value TokenizerBinding::encode(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto given = bytes_argument(info, 0, "text");
    // Another thread could change shared memory between two reads.
    const std::vector<uint8_t> copied = is_shared(given) ? copy_of(given) : std::vector<uint8_t>();
    const auto* const text = is_shared(given) ? copied.data() : given.Data();
    const auto length = given.ElementLength();
    const auto offsets = int32_array_argument(info, 1, "offsets");
    const auto sequences = offsets.empty() ? 0 : offsets.size() - 1;
    std::vector<int32_t> tokens;
    std::vector<int32_t> token_offsets{0};
    tokens.reserve(length / 2 + 2 * sequences);
    token_offsets.reserve(sequences + 1);
    BytePairTokenizer::Scratch scratch(*tokenizer_);
    for (size_t i = 0; i < sequences; ++i) {
      const auto begin = offsets[i];
      const auto end = offsets[i + 1];
      if (begin < 0 || end < begin || static_cast<size_t>(end) > length) {
        throw Error(code::kArgument, "Expected rising offsets within the text for `offsets` but received " +
                                         std::to_string(begin) + " .. " + std::to_string(end));
      }
      tokenizer_->encode(reinterpret_cast<const char*>(text) + begin, static_cast<size_t>(end - begin), scratch,
                         tokens);
      if (tokens.size() > static_cast<size_t>(INT32_MAX)) {
        throw Error(code::kArgument,
                    "Expected at most 2147483647 tokens for `offsets` but received more. Encode in parts");
      }
      token_offsets.push_back(static_cast<int32_t>(tokens.size()));
    }
    auto packed = Napi::Object::New(env);
    packed.Set("tokens", int32_array(env, tokens));
    packed.Set("offsets", int32_array(env, token_offsets));
    return packed;
  });
}

}  // namespace virnucpro
