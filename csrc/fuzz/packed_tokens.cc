// Any offsets and ids: what passes the check can be walked from end to end, and nothing else passes.

#include "model/packed_tokens.h"

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>

#include "error.h"

namespace virnucpro {
namespace {

PackedTokens tokens_from(FuzzedDataProvider& data) {
  PackedTokens packed;
  const bool mostly_right = data.ConsumeBool();
  const auto sequences = data.ConsumeIntegralInRange<int>(0, 8);
  if (!mostly_right) {
    for (int i = 0; i < sequences; ++i) packed.offsets.push_back(data.ConsumeIntegral<int32_t>());
    while (data.remaining_bytes() > 0) packed.tokens.push_back(data.ConsumeIntegral<int32_t>());
    return packed;
  }
  packed.offsets.push_back(0);
  for (int i = 0; i < sequences; ++i) {
    const auto length = data.ConsumeIntegralInRange<int>(-1, 6);
    packed.offsets.push_back(packed.offsets.back() + length);
    for (int k = 0; k < length; ++k) packed.tokens.push_back(data.ConsumeIntegralInRange<int32_t>(-1, 40));
  }
  return packed;
}

bool is_right(const PackedTokens& packed, int64_t vocabulary, int64_t shortest) {
  if (packed.offsets.empty() || packed.offsets[0] != 0) return false;
  for (size_t i = 1; i < packed.offsets.size(); ++i) {
    if (int64_t{packed.offsets[i]} - packed.offsets[i - 1] < shortest) return false;
  }
  for (const int32_t id : packed.tokens) {
    if (id < 0 || id >= vocabulary) return false;
  }
  return packed.offsets.back() == static_cast<int64_t>(packed.tokens.size());
}

void expect(bool holds) {
  if (!holds) std::abort();
}

// Every piece and every token, as the models walk them.
void walk(const PackedTokens& packed, FuzzedDataProvider& data) {
  int64_t longest = 0;
  for (int64_t i = 0; i < packed.sequences(); ++i) {
    expect(packed.begin(i) <= packed.end(i) && packed.end(i) <= static_cast<int64_t>(packed.tokens.size()));
    longest = longest < packed.end(i) - packed.begin(i) ? packed.end(i) - packed.begin(i) : longest;
  }
  expect(packed.longest() == longest);
  const auto first = data.ConsumeIntegralInRange<int64_t>(0, packed.sequences());
  const auto last = data.ConsumeIntegralInRange<int64_t>(first, packed.sequences());
  const auto part = packed.slice(first, last);
  expect(part.sequences() == last - first);
  for (int64_t i = 0; i < part.sequences(); ++i) {
    expect(part.end(i) - part.begin(i) == packed.end(first + i) - packed.begin(first + i));
    for (int64_t k = part.begin(i); k < part.end(i); ++k) {
      expect(part.tokens.at(static_cast<size_t>(k)) ==
             packed.tokens.at(static_cast<size_t>(packed.begin(first + i) + k - part.begin(i))));
    }
  }
}

}  // namespace
}  // namespace virnucpro

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace virnucpro;
  FuzzedDataProvider data(bytes, size);
  const auto vocabulary = data.ConsumeIntegralInRange<int64_t>(1, 40);
  const auto shortest = data.ConsumeIntegralInRange<int64_t>(0, 3);
  const auto choices = data.ConsumeBytes<uint8_t>(4);
  const auto packed = tokens_from(data);
  bool passed = true;
  try {
    packed.check(vocabulary, shortest);
  } catch (const Error&) {
    passed = false;
  }
  expect(passed == is_right(packed, vocabulary, shortest));
  FuzzedDataProvider chosen(choices.data(), choices.size());
  if (passed) walk(packed, chosen);
  return 0;
}
