#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace virnucpro {

// Sequences of token ids laid end to end: sequence i is tokens[offsets[i] .. offsets[i + 1]).
struct PackedTokens {
  std::vector<int32_t> tokens;
  std::vector<int32_t> offsets;

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t begin(int64_t sequence) const { return offsets[static_cast<size_t>(sequence)]; }
  int64_t end(int64_t sequence) const { return offsets[static_cast<size_t>(sequence) + 1]; }
  int64_t longest() const;
  // A copy of the sequences [first, last).
  PackedTokens slice(int64_t first, int64_t last) const;

  // Throws kArgument unless the offsets rise from 0 to the number of tokens, every sequence has at least
  // `shortest` tokens, and every id is below `vocabulary`.
  void check(int64_t vocabulary, int64_t shortest) const;
};

}  // namespace virnucpro
