#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace virnucpro {

// The positions of a text, each under the rank of the merge that is possible there, if any. A bitmap finds the lowest
// rank and a list finds the positions of a rank, so that no step has a branch that the processor cannot predict: those
// took most of the time of a heap.
class MergeQueue {
 public:
  // Ranks are below `ranks`; that number itself stands for no merge.
  explicit MergeQueue(uint32_t ranks);

  // Starts a text: positions are below `positions`, and none is entered yet.
  void reset(size_t positions);

  // A position must not be in the queue already. Takes constant time if the positions of a rank are entered from left
  // to right.
  void enter(uint32_t position, uint32_t rank);
  void remove(uint32_t position);

  // Takes out the leftmost position of the lowest rank; false if there is no merge.
  bool take_first(uint32_t& position, uint32_t& rank);

 private:
  // Rings, one per rank.
  struct Link {
    uint32_t previous;
    uint32_t next;
  };

  uint32_t ranks_;
  // First the anchors of the rings by rank, then the positions.
  std::vector<Link> links_;
  // By rank, 64 to a word: whether the ring may hold a position.
  std::vector<uint64_t> filled_;
  // No word before this one has a bit set.
  size_t first_filled_ = 0;
};

inline void MergeQueue::enter(uint32_t position, uint32_t rank) {
  const uint32_t link = ranks_ + 1 + position;
  if (rank == ranks_) {
    // A ring of its own, so that it can be removed like any other.
    links_[link] = {link, link};
    return;
  }
  const size_t word = rank / 64;
  filled_[word] |= uint64_t{1} << (rank % 64);
  first_filled_ = word < first_filled_ ? word : first_filled_;
  uint32_t before = links_[rank].previous;
  // An anchor precedes every position.
  while (before > link) before = links_[before].previous;
  const uint32_t after = links_[before].next;
  links_[link] = {before, after};
  links_[before].next = link;
  links_[after].previous = link;
}

inline void MergeQueue::remove(uint32_t position) {
  const Link link = links_[ranks_ + 1 + position];
  links_[link.previous].next = link.next;
  links_[link.next].previous = link.previous;
}

inline bool MergeQueue::take_first(uint32_t& position, uint32_t& rank) {
  for (;;) {
    const uint64_t bits = filled_[first_filled_];
    if (bits == 0) {
      ++first_filled_;
      continue;
    }
    rank = static_cast<uint32_t>(first_filled_ * 64) + static_cast<uint32_t>(__builtin_ctzll(bits));
    if (rank == ranks_) return false;
    const uint32_t link = links_[rank].next;
    if (link != rank) {
      position = link - ranks_ - 1;
      remove(position);
      return true;
    }
    filled_[first_filled_] = bits & (bits - 1);
  }
}

}  // namespace virnucpro
