// Any vocabulary and any text: a vocabulary is accepted or refused, and the ids of a text are those of the plain rule,
// merge by merge over the whole word.

#include "tokenizer/byte_pair.h"

#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "error.h"

namespace virnucpro {
namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<int32_t> merges;
  int32_t unknown;
  int32_t prefix;
  int32_t suffix;
  BytePairTokenizer::Words words;

  int32_t id_of(const std::string& text) const {
    const auto found = std::find(tokens.begin(), tokens.end(), text);
    return found == tokens.end() ? -1 : static_cast<int32_t>(found - tokens.begin());
  }
};

// Letters, then merges of existing tokens; now and then something is wrong.
Vocabulary vocabulary_from(FuzzedDataProvider& data) {
  Vocabulary made;
  made.tokens = {"[UNK]", "[CLS]", "[SEP]"};
  const auto letters = data.ConsumeIntegralInRange<int>(1, 6);
  static const char* const kLetters[] = {"A", "C", "G", "T", "N", "\u00e9", "_", "7", ".", "\u4e2d"};
  for (int i = 0; i < letters; ++i) {
    const std::string letter = data.PickValueInArray(kLetters);
    if (made.id_of(letter) < 0) made.tokens.push_back(letter);
  }
  if (data.ConsumeBool()) made.tokens.push_back(data.ConsumeRandomLengthString(4));
  const auto merges = data.ConsumeIntegralInRange<int>(0, 24);
  for (int i = 0; i < merges; ++i) {
    const auto most = static_cast<int32_t>(made.tokens.size()) - 1;
    const auto left = data.ConsumeIntegralInRange<int32_t>(0, most);
    const auto right = data.ConsumeIntegralInRange<int32_t>(0, most);
    const std::string text = made.tokens[static_cast<size_t>(left)] + made.tokens[static_cast<size_t>(right)];
    if (text.size() > 64) continue;
    if (made.id_of(text) < 0) made.tokens.push_back(text);
    made.merges.insert(made.merges.end(), {left, right, made.id_of(text)});
  }
  if (data.ConsumeIntegralInRange<int>(0, 15) == 0 && !made.merges.empty()) {
    made.merges[data.ConsumeIntegralInRange<size_t>(0, made.merges.size() - 1)] = data.ConsumeIntegral<int32_t>();
  }
  const bool usual = data.ConsumeIntegralInRange<int>(0, 7) != 0;
  made.unknown = usual ? 0 : data.ConsumeIntegral<int32_t>();
  made.prefix = usual ? 1 : data.ConsumeIntegralInRange<int32_t>(-1, 5);
  made.suffix = usual ? 2 : data.ConsumeIntegralInRange<int32_t>(-1, 5);
  made.words.length = data.ConsumeBool() ? 0 : data.ConsumeIntegralInRange<size_t>(1, 8);
  made.words.whole = data.ConsumeBool();
  return made;
}

// Letters of the vocabulary, other word letters and characters between words, mixed with arbitrary bytes.
std::string text_from(FuzzedDataProvider& data) {
  std::string text;
  while (data.remaining_bytes() > 0) {
    const auto kind = data.ConsumeIntegralInRange<int>(0, 9);
    if (kind < 7) {
      text += "ACGT"[data.ConsumeIntegralInRange<int>(0, 3)];
    } else if (kind == 7) {
      static const char* const kOthers[] = {"\u00e9", "\u4e2d", " ",  "\u00a0", "\u3000",
                                            ".",      "\n",     "_7", "N",      "\xf0\x9f"};
      text += data.PickValueInArray(kOthers);
    } else {
      text += data.ConsumeBytesAsString(1);
    }
  }
  return text;
}

// For well-formed UTF-8 only.
std::vector<std::string> characters_of(const std::string& word) {
  std::vector<std::string> characters;
  for (const char byte : word) {
    if ((static_cast<unsigned char>(byte) & 0xC0) == 0x80 && !characters.empty()) {
      characters.back() += byte;
    } else {
      characters.emplace_back(1, byte);
    }
  }
  return characters;
}

// Words of `words.length` characters, or the whole text.
std::vector<std::string> words_of(const Vocabulary& vocabulary, const std::string& text) {
  if (vocabulary.words.length == 0) return {text};
  std::vector<std::string> words;
  const auto characters = characters_of(text);
  for (size_t i = 0; i < characters.size(); ++i) {
    if (i % vocabulary.words.length == 0) words.emplace_back();
    words.back() += characters[i];
  }
  return words;
}

// The plain rule: the neighbours whose merge has the lowest rank are merged, the leftmost first, until none has a
// merge.
std::vector<int32_t> plain_ids(const Vocabulary& vocabulary, const std::string& word) {
  std::map<std::pair<int32_t, int32_t>, std::pair<size_t, int32_t>> ranks;
  for (size_t i = 0; i < vocabulary.merges.size(); i += 3) {
    ranks[{vocabulary.merges[i], vocabulary.merges[i + 1]}] = {i, vocabulary.merges[i + 2]};
  }
  const int32_t whole = vocabulary.words.whole && !word.empty() ? vocabulary.id_of(word) : -1;
  if (whole >= 0) return {whole};
  std::vector<int32_t> ids;
  for (const std::string& character : characters_of(word)) {
    const int32_t id = vocabulary.id_of(character);
    ids.push_back(id < 0 ? vocabulary.unknown : id);
  }
  for (;;) {
    auto best = ranks.end();
    size_t position = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto merge = ranks.find({ids[i], ids[i + 1]});
      if (merge == ranks.end() || (best != ranks.end() && merge->second.first >= best->second.first)) continue;
      best = merge;
      position = i;
    }
    if (best == ranks.end()) return ids;
    ids[position] = best->second.second;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(position) + 1);
  }
}

std::vector<int32_t> encoded(const BytePairTokenizer& tokenizer, const std::string& text) {
  // Exactly as large as the text, so that a read past its end is detected.
  const std::vector<char> exact(text.begin(), text.end());
  BytePairTokenizer::Scratch scratch(tokenizer);
  std::vector<int32_t> ids;
  tokenizer.encode(exact.data(), exact.size(), scratch, ids);
  // The scratch may be reused.
  std::vector<int32_t> again;
  tokenizer.encode(exact.data(), exact.size(), scratch, again);
  expect(ids == again);
  return ids;
}

}  // namespace
}  // namespace virnucpro

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace virnucpro;
  if (size > 4096) return 0;
  FuzzedDataProvider data(bytes, size);
  const auto vocabulary = vocabulary_from(data);
  const auto text = text_from(data);
  try {
    const BytePairTokenizer tokenizer(vocabulary.tokens, vocabulary.merges.data(), vocabulary.merges.size() / 3,
                                      vocabulary.unknown, vocabulary.prefix, vocabulary.suffix, vocabulary.words);
    const auto ids = encoded(tokenizer, text);
    expect(ids.size() >= 2 && ids.front() == vocabulary.prefix && ids.back() == vocabulary.suffix);
    for (const int32_t id : ids) expect(id >= 0 && static_cast<size_t>(id) < vocabulary.tokens.size());
    // Compares a single word with the plain rule: the ASCII letters kept here and \u00e9 are all word letters.
    std::string word;
    for (const char letter : text) {
      if ((letter >= 'A' && letter <= 'Z') || letter == '_' || letter == '7') word += letter;
      if (letter == '.') word += "\u00e9";
    }
    const auto of_word = encoded(tokenizer, word);
    std::vector<int32_t> expected;
    for (const std::string& one : words_of(vocabulary, word)) {
      const auto ids_of_one = plain_ids(vocabulary, one);
      expected.insert(expected.end(), ids_of_one.begin(), ids_of_one.end());
    }
    expect(std::vector<int32_t>(of_word.begin() + 1, of_word.end() - 1) == expected);
  } catch (const Error&) {
  }
  return 0;
}
