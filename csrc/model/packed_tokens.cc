#include "model/packed_tokens.h"

#include <algorithm>
#include <string>

#include "error.h"

namespace virnucpro {

int64_t PackedTokens::longest() const {
  int64_t longest = 0;
  for (int64_t i = 0; i < sequences(); ++i) longest = std::max(longest, end(i) - begin(i));
  return longest;
}

PackedTokens PackedTokens::slice(int64_t first, int64_t last) const {
  PackedTokens part;
  part.tokens.assign(tokens.begin() + begin(first), tokens.begin() + offsets[static_cast<size_t>(last)]);
  for (int64_t i = first; i <= last; ++i) {
    part.offsets.push_back(static_cast<int32_t>(offsets[static_cast<size_t>(i)] - begin(first)));
  }
  return part;
}

void PackedTokens::check(int64_t vocabulary, int64_t shortest) const {
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != static_cast<int64_t>(tokens.size())) {
    throw Error(code::kArgument, "Expected offsets from 0 to " + std::to_string(tokens.size()) +
                                     " for packed tokens but received " + std::to_string(offsets.size()) +
                                     " offsets that do not span them");
  }
  for (int64_t i = 0; i < sequences(); ++i) {
    if (end(i) - begin(i) < shortest) {
      throw Error(code::kArgument, "Expected at least " + std::to_string(shortest) + " tokens for sequence " +
                                       std::to_string(i) + " but received " + std::to_string(end(i) - begin(i)));
    }
  }
  for (const int32_t id : tokens) {
    if (id < 0 || id >= vocabulary) {
      throw Error(code::kArgument, "Expected a token id from 0 to " + std::to_string(vocabulary - 1) +
                                       " for this model but received " + std::to_string(id));
    }
  }
}

}  // namespace virnucpro
