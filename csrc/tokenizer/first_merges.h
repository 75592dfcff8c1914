#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace virnucpro {

// One merge of a byte-pair vocabulary, by token ids; its rank is its position among the merges.
struct Merge {
  int32_t left;
  int32_t right;
  int32_t merged;
};

// Applies the first merges of a vocabulary to a text, with one step of a finite automaton per letter. Merges of lower
// ranks come before all others, so an encoder may start from what they leave: for DNA fewer than half the symbols.
//
// It covers as many of the first merges as it can: they use at most four letters, each makes a new token from letters
// and earlier tokens, and the automaton must fit in the processor's nearest cache.
class FirstMerges {
 public:
  // letter_ids: the token of every ASCII letter. unknown: the token that stands for letters without one of their own.
  FirstMerges(const std::array<int32_t, 128>& letter_ids, const std::vector<Merge>& merges, int32_t unknown);

  // Reads the text up to the first letter that no known merge uses. Writes the ids of the symbols that the merges leave
  // to `ids`, and their number to `count`. Returns the number of letters read, which may be 0. `states` and `ids` have
  // room for `length`.
  size_t split(const char* text, size_t length, uint16_t* states, int32_t* ids, size_t& count) const;

 private:
  static constexpr uint8_t kNoLetter = 0xff;

  struct State {
    std::array<uint16_t, 4> next;
  };
  // The last symbol of a text.
  struct Symbol {
    int32_t id;
    uint32_t length;
  };
  struct Vocabulary;

  bool make_states(const Vocabulary& vocabulary);

  // By byte; kNoLetter for one that no known merge uses.
  std::array<uint8_t, 256> letters_{};
  // By state; the first is that of an empty text.
  std::vector<State> states_;
  std::vector<Symbol> last_;
};

}  // namespace virnucpro
