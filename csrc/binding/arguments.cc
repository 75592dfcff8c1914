#include "binding/arguments.h"

#include <cmath>
#include <limits>

#include "error.h"

namespace virnucpro {

std::string shortened(const std::string& text) {
  constexpr size_t kMaxLength = 100;
  if (text.size() <= kMaxLength) return text;
  // Does not cut within a UTF-8 character.
  size_t end = kMaxLength;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

namespace {

std::string describe(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return "a boolean";
    case napi_number:
      return value.ToString().Utf8Value();
    case napi_string:
      return "\"" + shortened(value.As<Napi::String>().Utf8Value()) + "\"";
    case napi_symbol:
      return "a symbol";
    case napi_bigint:
      return "a bigint";
    case napi_function:
      return "a function";
    default:
      return value.IsArray() ? "an array" : value.IsTypedArray() ? "a typed array of another kind" : "an object";
  }
}

[[noreturn]] void mismatch(const char* what, const char* name, const Napi::Value& value) {
  throw Error(code::kArgument, std::string("Expected ") + what + " for `" + name + "` but received " + describe(value));
}

Napi::Object as_object(const Napi::Value& value, const char* name) {
  if (!value.IsObject() || value.IsArray()) mismatch("an object", name, value);
  return value.As<Napi::Object>();
}

std::string as_string(const Napi::Value& value, const char* name) {
  if (!value.IsString()) mismatch("a string", name, value);
  return value.As<Napi::String>().Utf8Value();
}

int64_t as_integer(const Napi::Value& value, const char* name, int64_t lowest, int64_t highest) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(number >= static_cast<double>(lowest) && number <= static_cast<double>(highest)) ||
      number != std::floor(number)) {
    const auto range = "a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest);
    mismatch(range.c_str(), name, value);
  }
  return static_cast<int64_t>(number);
}

// A view of the caller's memory; empty for a detached buffer.
template <typename Array>
Array as_typed_array(const Napi::Value& value, const char* name, napi_typedarray_type type, const char* what) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) mismatch(what, name, value);
  const auto array = value.As<Array>();
  if (array.ElementLength() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    throw Error(code::kArgument, std::string("Expected at most 2147483647 elements for `") + name + "` but received " +
                                     std::to_string(array.ElementLength()));
  }
  return array;
}

std::vector<int32_t> as_int32_array(const Napi::Value& value, const char* name) {
  const auto array = as_typed_array<Napi::Int32Array>(value, name, napi_int32_array, "an Int32Array");
  return {array.Data(), array.Data() + array.ElementLength()};
}

}  // namespace

Napi::Object object_argument(const Napi::CallbackInfo& info, size_t position, const char* name) {
  return as_object(info[position], name);
}

std::string string_argument(const Napi::CallbackInfo& info, size_t position, const char* name) {
  return as_string(info[position], name);
}

int64_t integer_argument(const Napi::CallbackInfo& info, size_t position, const char* name, int64_t lowest,
                         int64_t highest) {
  return as_integer(info[position], name, lowest, highest);
}

Napi::Object object_field(const Napi::Object& object, const char* name) { return as_object(object.Get(name), name); }

Napi::Array array_field(const Napi::Object& object, const char* name) {
  const auto value = object.Get(name);
  if (!value.IsArray()) mismatch("an array", name, value);
  return value.As<Napi::Array>();
}

std::string string_field(const Napi::Object& object, const char* name) { return as_string(object.Get(name), name); }

std::string path_field(const Napi::Object& object, const char* name) {
  auto path = string_field(object, name);
  if (path.empty() || path.find('\0') != std::string::npos) {
    throw Error(code::kArgument, std::string("Expected a path for `") + name + "` but received " +
                                     (path.empty() ? "an empty string" : "a string with a NUL character"));
  }
  return path;
}

double number_field(const Napi::Object& object, const char* name) {
  const auto value = object.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!std::isfinite(number)) mismatch("a finite number", name, value);
  return number;
}

double float_field(const Napi::Object& object, const char* name) {
  const double number = number_field(object, name);
  if (std::abs(number) > std::numeric_limits<float>::max()) mismatch("a float32", name, object.Get(name));
  return number;
}

int64_t integer_field(const Napi::Object& object, const char* name, int64_t lowest, int64_t highest) {
  return as_integer(object.Get(name), name, lowest, highest);
}

bool boolean_field(const Napi::Object& object, const char* name) {
  const auto value = object.Get(name);
  if (!value.IsBoolean()) mismatch("a boolean", name, value);
  return value.As<Napi::Boolean>().Value();
}

bool has_field(const Napi::Object& object, const char* name) { return !object.Get(name).IsUndefined(); }

std::vector<int64_t> integers_field(const Napi::Object& object, const char* name) {
  const auto array = array_field(object, name);
  std::vector<int64_t> numbers;
  for (uint32_t i = 0; i < array.Length(); ++i) numbers.push_back(as_integer(array.Get(i), name, 0, kMaxSafeInteger));
  return numbers;
}

std::vector<std::string> strings_field(const Napi::Object& object, const char* name) {
  const auto array = array_field(object, name);
  std::vector<std::string> strings;
  for (uint32_t i = 0; i < array.Length(); ++i) strings.push_back(as_string(array.Get(i), name));
  return strings;
}

std::vector<int32_t> int32_array_field(const Napi::Object& object, const char* name) {
  return as_int32_array(object.Get(name), name);
}

std::vector<int32_t> int32_array_argument(const Napi::CallbackInfo& info, size_t position, const char* name) {
  return as_int32_array(info[position], name);
}

std::vector<float> float32_array_argument(const Napi::CallbackInfo& info, size_t position, const char* name) {
  const auto array = as_typed_array<Napi::Float32Array>(info[position], name, napi_float32_array, "a Float32Array");
  return {array.Data(), array.Data() + array.ElementLength()};
}

Napi::Uint8Array bytes_argument(const Napi::CallbackInfo& info, size_t position, const char* name) {
  return as_typed_array<Napi::Uint8Array>(info[position], name, napi_uint8_array, "a Uint8Array");
}

bool is_shared(const Napi::Uint8Array& array) {
  // To Node-API a SharedArrayBuffer is not an ArrayBuffer.
  return !static_cast<Napi::Value>(array.ArrayBuffer()).IsArrayBuffer();
}

std::vector<uint8_t> copy_of(const Napi::Uint8Array& array) {
  return {array.Data(), array.Data() + array.ElementLength()};
}

PackedTokens packed_tokens_from(const Napi::Object& object) {
  return {int32_array_field(object, "tokens"), int32_array_field(object, "offsets")};
}

Architecture architecture_from(const Napi::Object& object) {
  constexpr int64_t kMax = int64_t{1} << 24;
  const auto size = [&](const char* name) { return integer_field(object, name, 1, kMax); };
  const auto family = string_field(object, "family");
  if (family == "classifier") {
    return ClassifierArchitecture{size("inputs"), size("hidden"), number_field(object, "batchNormEpsilon")};
  }
  if (family != "esm2" && family != "dnabert2") {
    throw Error(code::kArgument,
                "Expected esm2, dnabert2 or classifier for `family` but received " + shortened(family));
  }
  if (family == "esm2") {
    return Esm2Architecture{size("layers"), size("width"), size("heads"), size("feedForward"), size("vocabulary")};
  }
  return DnabertArchitecture{size("layers"),
                             size("width"),
                             size("heads"),
                             size("feedForward"),
                             size("vocabulary"),
                             size("tokenTypes"),
                             number_field(object, "layerNormEpsilon")};
}

}  // namespace virnucpro
