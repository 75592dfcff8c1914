#include "tokenizer/byte_pair.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "error.h"

namespace virnucpro {
namespace {

constexpr uint32_t kNoSymbol = std::numeric_limits<uint32_t>::max();
// No pair of ids, since ids are not negative.
constexpr uint64_t kFreeSlot = std::numeric_limits<uint64_t>::max();

// Few slots are taken, so that the first one usually decides.
constexpr size_t kSlotsAMerge = 4;

enum class CharacterClass : uint8_t { kWord, kOther, kSpace };

uint64_t pair_of(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

uint64_t scattered(uint64_t pair) { return pair * 0x9E3779B97F4A7C15u; }

constexpr CharacterClass class_of_ascii(unsigned char letter) {
  if ((letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') ||
      letter == '_') {
    return CharacterClass::kWord;
  }
  return letter == ' ' || (letter >= '\t' && letter <= '\r') ? CharacterClass::kSpace : CharacterClass::kOther;
}

constexpr size_t kAsciiLetters = 128;

constexpr std::array<CharacterClass, kAsciiLetters> ascii_classes() {
  std::array<CharacterClass, kAsciiLetters> classes{};
  for (size_t letter = 0; letter < kAsciiLetters; ++letter) {
    classes[letter] = class_of_ascii(static_cast<unsigned char>(letter));
  }
  return classes;
}

constexpr auto kAsciiClasses = ascii_classes();

// Bytes of the character that starts here: 1 for a byte that is not UTF-8.
size_t character_length(const char* text, size_t length) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t i, unsigned char low = 0x80, unsigned char high = 0xBF) {
    return i < length && byte(i) >= low && byte(i) <= high;
  };
  const unsigned char first = byte(0);
  if (first >= 0xC2 && first <= 0xDF && continues(1)) return 2;
  if (first >= 0xE0 && first <= 0xEF && continues(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) &&
      continues(2)) {
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4 && continues(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) &&
      continues(2) && continues(3)) {
    return 4;
  }
  return 1;
}

// Unicode's White_Space outside ASCII, in UTF-8.
bool is_wide_space(std::string_view character) {
  static constexpr std::array<std::string_view, 19> kSpaces = {
      "\u0085", "\u00A0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
      "\u2007", "\u2008", "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"};
  return std::find(kSpaces.begin(), kSpaces.end(), character) != kSpaces.end();
}

struct Character {
  size_t length;
  CharacterClass kind;
};

Character character_at(const char* text, size_t length) {
  const auto first = static_cast<unsigned char>(*text);
  if (first < kAsciiLetters) return {1, kAsciiClasses[first]};
  const size_t bytes = character_length(text, length);
  return {bytes, is_wide_space({text, bytes}) ? CharacterClass::kSpace : CharacterClass::kWord};
}

void expect_id(const char* what, int64_t id, size_t count) {
  if (id >= 0 && static_cast<size_t>(id) < count) return;
  throw Error(code::kArgument, std::string("Expected an id below ") + std::to_string(count) + " for " + what +
                                   " but received " + std::to_string(id) + ". Check the model's tokenizer.json.");
}

}  // namespace

BytePairTokenizer::BytePairTokenizer(const std::vector<std::string>& tokens, const int32_t* merges, size_t count,
                                     int32_t unknown, int32_t prefix, int32_t suffix, const Words& words)
    : unknown_(unknown), prefix_(prefix), suffix_(suffix), words_(words) {
  if (tokens.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()) || count >= kNoSymbol / 2) {
    throw Error(code::kArgument, "Expected fewer than 2147483647 tokens and merges for a tokenizer but received " +
                                     std::to_string(tokens.size()) + " and " + std::to_string(count) +
                                     ". Check the model's tokenizer.json.");
  }
  expect_id("the unknown token", unknown, tokens.size());
  expect_id("the prefix", prefix, tokens.size());
  expect_id("the suffix", suffix, tokens.size());
  add_characters(tokens);
  add_merges(tokens, merges, count);
  first_merges_.emplace(ascii_ids_, merges_, unknown_);
  if (!words_.whole) return;
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) whole_words_.emplace(tokens[id], static_cast<int32_t>(id));
  }
}

void BytePairTokenizer::add_characters(const std::vector<std::string>& tokens) {
  ascii_ids_.fill(unknown_);
  std::unordered_map<std::string_view, size_t> seen;
  seen.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    const std::string& token = tokens[id];
    if (token.empty()) continue;
    const auto [first, is_new] = seen.emplace(token, id);
    if (!is_new) {
      throw Error(code::kArgument, "Expected every token's text once for a tokenizer but received the same text for " +
                                       std::to_string(first->second) + " and " + std::to_string(id) +
                                       ". Check the model's tokenizer.json.");
    }
    const auto letter = static_cast<unsigned char>(token[0]);
    if (letter < 0x80) {
      if (token.size() == 1) ascii_ids_[letter] = static_cast<int32_t>(id);
    } else if (token.size() == character_length(token.data(), token.size())) {
      other_ids_.emplace(token, static_cast<int32_t>(id));
    }
  }
}

void BytePairTokenizer::add_merges(const std::vector<std::string>& tokens, const int32_t* merges, size_t count) {
  merges_.reserve(count);
  no_merge_ = static_cast<uint32_t>(count);
  uint32_t bits = 4;
  while ((size_t{1} << bits) < kSlotsAMerge * count) ++bits;
  slot_shift_ = 64 - bits;
  slots_.assign(size_t{1} << bits, Slot{kFreeSlot, no_merge_});
  for (size_t rank = 0; rank < count; ++rank) {
    const Merge merge{merges[3 * rank], merges[3 * rank + 1], merges[3 * rank + 2]};
    expect_id("the left part of a merge", merge.left, tokens.size());
    expect_id("the right part of a merge", merge.right, tokens.size());
    expect_id("the result of a merge", merge.merged, tokens.size());
    const std::string &left = tokens[merge.left], &right = tokens[merge.right], &merged = tokens[merge.merged];
    if (left.empty() || right.empty() || left + right != merged) {
      throw Error(code::kArgument, "Expected the text of both its parts for merge " + std::to_string(rank) +
                                       " of a tokenizer but received token " + std::to_string(merge.merged) + " for " +
                                       std::to_string(merge.left) + " and " + std::to_string(merge.right) +
                                       ". Check the model's tokenizer.json.");
    }
    merges_.push_back(merge);
    const uint64_t pair = pair_of(merge.left, merge.right);
    size_t slot = scattered(pair) >> slot_shift_;
    while (slots_[slot].pair != kFreeSlot && slots_[slot].pair != pair) slot = (slot + 1) & (slots_.size() - 1);
    // If a pair is listed twice, the later rank counts, as in `tokenizers`.
    slots_[slot] = {pair, static_cast<uint32_t>(rank)};
  }
}

inline uint32_t BytePairTokenizer::rank_of(int32_t left, int32_t right) const {
  const uint64_t pair = pair_of(left, right);
  const Slot* const slots = slots_.data();
  size_t slot = scattered(pair) >> slot_shift_;
  while (slots[slot].pair != pair && slots[slot].pair != kFreeSlot) slot = (slot + 1) & (slots_.size() - 1);
  return slots[slot].rank;
}

void BytePairTokenizer::encode(const char* text, size_t length, Scratch& scratch, std::vector<int32_t>& out) const {
  if (length >= kNoSymbol) {
    throw Error(code::kArgument, "Expected fewer than 4294967295 letters for a sequence but received " +
                                     std::to_string(length) + ". Split it into windows first.");
  }
  out.push_back(prefix_);
  for (size_t start = 0; start < length;) {
    bool is_word = true;
    const size_t size =
        words_.length == 0 ? word_end(text + start, length - start, is_word) : piece_end(text + start, length - start);
    if (is_word) encode_word(text + start, size, scratch, out);
    start += size;
  }
  out.push_back(suffix_);
}

size_t BytePairTokenizer::word_end(const char* text, size_t length, bool& is_word) const {
  const Character first = character_at(text, length);
  size_t end = first.length;
  for (;;) {
    while (end < length && static_cast<unsigned char>(text[end]) < kAsciiLetters &&
           kAsciiClasses[static_cast<unsigned char>(text[end])] == first.kind) {
      ++end;
    }
    if (end == length) break;
    const Character character = character_at(text + end, length - end);
    if (character.kind != first.kind) break;
    end += character.length;
  }
  is_word = first.kind != CharacterClass::kSpace;
  return end;
}

size_t BytePairTokenizer::piece_end(const char* text, size_t length) const {
  size_t end = 0;
  for (size_t count = 0; count < words_.length && end < length; ++count) {
    end += character_length(text + end, length - end);
  }
  return end;
}

void BytePairTokenizer::encode_word(const char* word, size_t length, Scratch& scratch,
                                    std::vector<int32_t>& out) const {
  if (words_.whole) {
    const auto found = whole_words_.find(std::string(word, length));
    if (found != whole_words_.end()) return out.push_back(found->second);
  }
  split_symbols(word, length, scratch);
  merge_symbols(scratch);
  for (uint32_t i = 0; i != kNoSymbol; i = scratch.symbols_[i].next) out.push_back(scratch.symbols_[i].id);
}

void BytePairTokenizer::split_symbols(const char* word, size_t length, Scratch& scratch) const {
  std::vector<Symbol>& symbols = scratch.symbols_;
  scratch.states_.resize(length);
  scratch.ids_.resize(length);
  symbols.resize(length);
  Symbol* symbol = symbols.data();
  uint32_t count = 0;
  for (size_t i = 0; i < length;) {
    size_t left = 0;
    i += first_merges_->split(word + i, length - i, scratch.states_.data(), scratch.ids_.data(), left);
    for (size_t k = 0; k < left; ++k, ++count) *symbol++ = {scratch.ids_[k], count - 1, count + 1};
    if (i == length) break;
    const auto letter = static_cast<unsigned char>(word[i]);
    int32_t id = unknown_;
    if (letter < kAsciiLetters) {
      id = ascii_ids_[letter];
      ++i;
    } else {
      const size_t bytes = character_length(word + i, length - i);
      const auto found = other_ids_.find(std::string(word + i, bytes));
      if (found != other_ids_.end()) id = found->second;
      i += bytes;
    }
    *symbol++ = {id, count - 1, count + 1};
    ++count;
  }
  symbols.resize(count);
  symbols.front().previous = kNoSymbol;
  symbols.back().next = kNoSymbol;
}

// The merge of the lowest rank comes first, the leftmost among equals.
void BytePairTokenizer::merge_symbols(Scratch& scratch) const {
  Symbol* const symbols = scratch.symbols_.data();
  const auto count = static_cast<uint32_t>(scratch.symbols_.size());
  MergeQueue& queue = scratch.queue_;
  queue.reset(count);
  for (uint32_t i = 0; i + 1 < count; ++i) queue.enter(i, rank_of(symbols[i].id, symbols[i + 1].id));
  queue.enter(count - 1, no_merge_);
  uint32_t position = 0;
  uint32_t rank = 0;
  while (queue.take_first(position, rank)) {
    Symbol& symbol = symbols[position];
    queue.remove(symbol.next);
    const uint32_t previous = symbol.previous;
    const uint32_t next = symbols[symbol.next].next;
    symbol.id = merges_[rank].merged;
    symbol.next = next;
    if (previous != kNoSymbol) {
      queue.remove(previous);
      queue.enter(previous, rank_of(symbols[previous].id, symbol.id));
    }
    if (next != kNoSymbol) symbols[next].previous = position;
    queue.enter(position, next == kNoSymbol ? no_merge_ : rank_of(symbol.id, symbols[next].id));
  }
}

}  // namespace virnucpro
