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

// What the first merges of a vocabulary make of a text, in one step of a finite automaton a letter. Merges of lower
// ranks come before all others, so that an encoder may start from what they leave: for DNA less than half the symbols.
//
// It knows as many merges as it can: those over at most four letters, each of which makes a new token from letters and
// tokens made before, while the automaton is small enough for the processor's nearest cache.
class FirstMerges {
 public:
  // letter_ids: the token of every ASCII letter. unknown: the token that stands for letters without one of their own.
  FirstMerges(const std::array<int32_t, 128>& letter_ids, const std::vector<Merge>& merges, int32_t unknown);

  // Reads the text up to the first letter that no known merge has, and writes the ids of the symbols that the merges
  // leave of it to `ids`, their number to `count`. Returns the letters read, which may be none. `states` and `ids` have
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

  // By byte, kNoLetter for one that no known merge has.
  std::array<uint8_t, 256> letters_{};
  // By state, the first of an empty text.
  std::vector<State> states_;
  std::vector<Symbol> last_;
};

}  // namespace virnucpro
