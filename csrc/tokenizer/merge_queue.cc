#include "tokenizer/merge_queue.h"

#include <algorithm>

namespace virnucpro {

MergeQueue::MergeQueue(uint32_t ranks) : ranks_(ranks), links_(size_t{ranks} + 1), filled_(ranks / 64 + 1) {
  for (uint32_t rank = 0; rank <= ranks; ++rank) links_[rank] = {rank, rank};
}

void MergeQueue::reset(size_t positions) {
  if (links_.size() < ranks_ + 1 + positions) links_.resize(ranks_ + 1 + positions);
  // The rings of all ranks are empty when a text is done.
  std::fill(filled_.begin(), filled_.end(), 0);
  // A sentinel that ends the search for the lowest rank.
  filled_.back() = uint64_t{1} << (ranks_ % 64);
  first_filled_ = filled_.size() - 1;
}

}  // namespace virnucpro
