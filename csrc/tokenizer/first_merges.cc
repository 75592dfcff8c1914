#include "tokenizer/first_merges.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace virnucpro {
namespace {

constexpr size_t kLetters = 4;
constexpr size_t kMaxMerges = 256;
constexpr size_t kMaxStates = 4096;
constexpr uint16_t kNoToken = std::numeric_limits<uint16_t>::max();

}  // namespace

// The known letters and merges under numbers of their own: letters from 0, then the merged tokens by rank. So a token's
// number says when it is made, and its parts have lower numbers.
struct FirstMerges::Vocabulary {
  struct Token {
    int32_t id;
    uint16_t left;
    uint16_t right;
    // Its letters' numbers, one per byte.
    std::string text;
  };

  std::vector<Token> tokens;
  size_t letters = 0;
  // [left, right]: the token that the pair is merged to, kNoToken without a merge.
  std::vector<uint16_t> merged;

  uint16_t merged_of(uint16_t left, uint16_t right) const { return merged[left * tokens.size() + right]; }

  // Whether no merge crosses the boundary between two tokens, each made from its own letters alone, before `limit`
  // would be made. Goes back from the last to the first pair of symbols at the boundary: each pair ends when one symbol
  // of the next pair is made, and a merge across comes before that if its rank is lower. Among equal ranks the leftmost
  // comes first: the one within the left token, then the one across, then the one within the right token.
  bool stays_apart(uint16_t left, uint16_t right, uint16_t limit) const {
    bool at_limit = false;
    for (;;) {
      const uint16_t across = merged_of(left, right);
      if (across != kNoToken && (across < limit || (at_limit && across == limit))) return false;
      if (left > right) {
        if (left < letters) return true;
        limit = left;
        at_limit = false;
        left = tokens[left].right;
      } else {
        if (right < letters) return true;
        limit = right;
        at_limit = true;
        right = tokens[right].left;
      }
    }
  }
};

FirstMerges::FirstMerges(const std::array<int32_t, 128>& letter_ids, const std::vector<Merge>& merges,
                         int32_t unknown) {
  // A pair that is listed again later has the later rank, so it ends the known merges.
  std::map<std::pair<int32_t, int32_t>, size_t> ranks;
  for (size_t rank = 0; rank < merges.size(); ++rank) ranks[{merges[rank].left, merges[rank].right}] = rank;
  std::map<int32_t, uint16_t> numbers;
  for (size_t most = std::min(merges.size(), kMaxMerges);; most /= 2) {
    letters_.fill(kNoLetter);
    numbers.clear();
    Vocabulary vocabulary;
    const auto add_letter = [&](int32_t id) {
      const auto letter = std::find(letter_ids.begin(), letter_ids.end(), id);
      if (numbers.count(id) > 0 || letter == letter_ids.end() || id == unknown || numbers.size() == kLetters) return;
      const auto number = static_cast<uint16_t>(numbers.size());
      numbers[id] = number;
      letters_[static_cast<size_t>(letter - letter_ids.begin())] = static_cast<uint8_t>(number);
      vocabulary.tokens.push_back({id, kNoToken, kNoToken, std::string(1, static_cast<char>(number))});
    };
    for (size_t rank = 0; rank < most; ++rank) {
      add_letter(merges[rank].left);
      add_letter(merges[rank].right);
    }
    vocabulary.letters = numbers.size();
    for (size_t rank = 0; rank < most; ++rank) {
      const Merge& merge = merges[rank];
      const auto left = numbers.find(merge.left), right = numbers.find(merge.right);
      if (left == numbers.end() || right == numbers.end() || numbers.count(merge.merged) > 0 ||
          ranks[{merge.left, merge.right}] != rank) {
        break;
      }
      const auto& tokens = vocabulary.tokens;
      std::string text = tokens[left->second].text + tokens[right->second].text;
      const uint16_t parts[] = {left->second, right->second};
      numbers[merge.merged] = static_cast<uint16_t>(tokens.size());
      vocabulary.tokens.push_back({merge.merged, parts[0], parts[1], std::move(text)});
    }
    const size_t count = vocabulary.tokens.size();
    vocabulary.merged.assign(count * count, kNoToken);
    for (size_t token = vocabulary.letters; token < count; ++token) {
      vocabulary.merged[vocabulary.tokens[token].left * count + vocabulary.tokens[token].right] =
          static_cast<uint16_t>(token);
    }
    // Without merges there is only one state more than there are letters.
    if (make_states(vocabulary)) return;
  }
}

// A text has exactly one sequence of symbols in which all neighbours stay apart. So a state holds what the last letters
// may still become: the symbols that may have begun before them and are not complete.
bool FirstMerges::make_states(const Vocabulary& vocabulary) {
  // A token and how many of its letters have been read.
  using Begun = std::pair<uint16_t, uint16_t>;
  struct Position {
    uint16_t last;
    std::vector<Begun> begun;
    bool operator<(const Position& other) const { return std::tie(last, begun) < std::tie(other.last, other.begun); }
  };
  const auto& tokens = vocabulary.tokens;
  const auto count = static_cast<uint16_t>(tokens.size());
  // The tokens that their own text merges to: neither part is merged away before the other exists.
  std::vector<bool> is_reached(count);
  std::vector<Begun> reached;
  for (uint16_t token = 0; token < count; ++token) {
    const uint16_t left = tokens[token].left, right = tokens[token].right;
    is_reached[token] = token < vocabulary.letters ||
                        (is_reached[left] && is_reached[right] && vocabulary.stays_apart(left, right, token));
    if (is_reached[token]) reached.emplace_back(token, uint16_t{0});
  }
  // By token: those that may follow it.
  std::vector<std::vector<Begun>> followers(count);
  for (const auto& [left, unread] : reached) {
    for (const Begun& right : reached) {
      if (vocabulary.stays_apart(left, right.first, kNoToken)) followers[left].push_back(right);
    }
  }
  states_.clear();
  last_.clear();
  std::map<Position, uint16_t> known;
  std::vector<Position> positions;
  const auto state_of = [&](Position position) {
    const auto [state, is_new] = known.emplace(position, static_cast<uint16_t>(positions.size()));
    if (is_new) positions.push_back(std::move(position));
    return state->second;
  };
  state_of({kNoToken, {}});
  for (size_t state = 0; state < positions.size(); ++state) {
    if (positions.size() > kMaxStates) return false;
    const Position from = positions[state];
    std::vector<Begun> begun = from.begun;
    const std::vector<Begun>& beginning = from.last == kNoToken ? reached : followers[from.last];
    begun.insert(begun.end(), beginning.begin(), beginning.end());
    State made{};
    for (size_t letter = 0; letter < vocabulary.letters; ++letter) {
      Position to{kNoToken, {}};
      for (const auto& [token, read] : begun) {
        const std::string& text = tokens[token].text;
        if (static_cast<size_t>(text[read]) != letter) continue;
        if (text.size() == read + size_t{1}) {
          to.last = token;
        } else {
          to.begun.emplace_back(token, static_cast<uint16_t>(read + 1));
        }
      }
      std::sort(to.begun.begin(), to.begun.end());
      made.next[letter] = state_of(std::move(to));
    }
    states_.push_back(made);
    last_.push_back(from.last == kNoToken
                        ? Symbol{0, 0}
                        : Symbol{tokens[from.last].id, static_cast<uint32_t>(tokens[from.last].text.size())});
  }
  return true;
}

size_t FirstMerges::split(const char* text, size_t length, uint16_t* states, int32_t* ids, size_t& count) const {
  const State* const table = states_.data();
  const Symbol* const last = last_.data();
  uint16_t state = 0;
  size_t read = 0;
  for (; read < length; ++read) {
    const uint8_t letter = letters_[static_cast<unsigned char>(text[read])];
    if (letter == kNoLetter) break;
    state = table[state].next[letter];
    states[read] = state;
  }
  // Each symbol is the last one of the text that ends where the next symbol begins, so they are found from the end.
  size_t first = read;
  for (size_t end = read; end > 0;) {
    const Symbol& symbol = last[states[end - 1]];
    ids[--first] = symbol.id;
    end -= symbol.length;
  }
  count = read - first;
  std::copy(ids + first, ids + read, ids);
  return read;
}

}  // namespace virnucpro
