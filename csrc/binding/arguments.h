#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "archive/architecture.h"
#include "model/packed_tokens.h"

namespace virnucpro {

// The largest whole number that JavaScript represents exactly.
inline constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;

// Every reader throws kArgument, "Expected X for `name` but received Z", when the value is of another kind.

Napi::Object object_argument(const Napi::CallbackInfo& info, size_t position, const char* name);
std::string string_argument(const Napi::CallbackInfo& info, size_t position, const char* name);
// A whole number in [lowest, highest].
int64_t integer_argument(const Napi::CallbackInfo& info, size_t position, const char* name, int64_t lowest,
                         int64_t highest);

// Copies, so that the caller may reuse, change or transfer its arrays at once.
std::vector<int32_t> int32_array_argument(const Napi::CallbackInfo& info, size_t position, const char* name);
std::vector<float> float32_array_argument(const Napi::CallbackInfo& info, size_t position, const char* name);
// The caller's own memory. If `is_shared`, other threads may write to it meanwhile.
Napi::Uint8Array bytes_argument(const Napi::CallbackInfo& info, size_t position, const char* name);
bool is_shared(const Napi::Uint8Array& array);
std::vector<uint8_t> copy_of(const Napi::Uint8Array& array);

Napi::Object object_field(const Napi::Object& object, const char* name);
Napi::Array array_field(const Napi::Object& object, const char* name);
std::string string_field(const Napi::Object& object, const char* name);
// Refuses an empty path, and one with a NUL, where the system would cut it off.
std::string path_field(const Napi::Object& object, const char* name);
double number_field(const Napi::Object& object, const char* name);
// A number within the range of float32.
double float_field(const Napi::Object& object, const char* name);
// A whole number in [lowest, highest].
int64_t integer_field(const Napi::Object& object, const char* name, int64_t lowest, int64_t highest);
bool boolean_field(const Napi::Object& object, const char* name);
// Whether the field is there and not undefined.
bool has_field(const Napi::Object& object, const char* name);
std::vector<int64_t> integers_field(const Napi::Object& object, const char* name);
std::vector<std::string> strings_field(const Napi::Object& object, const char* name);
std::vector<int32_t> int32_array_field(const Napi::Object& object, const char* name);

// Keeps messages readable, however long the caller's text is.
std::string shortened(const std::string& text);

// A copy, so that the caller may reuse or transfer its arrays at once.
PackedTokens packed_tokens_from(const Napi::Object& object);
Architecture architecture_from(const Napi::Object& object);

}  // namespace virnucpro
