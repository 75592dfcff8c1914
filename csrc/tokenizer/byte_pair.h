#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tokenizer/first_merges.h"
#include "tokenizer/merge_queue.h"

namespace virnucpro {

// A byte-pair encoder that gives the same ids as huggingface `tokenizers` for a tokenizer.json with
// - no normalizer, and the pre-tokenizer Whitespace (`\w+|[^\w\s]+`: separate runs of word letters and of other
//   characters, without white space) or FixedLength (words of a fixed number of characters, whatever they are),
// - a BPE model without dropout, subword prefix or suffix, or byte fallback, with one unknown token for every unknown
//   character (fuse_unk false), with or without ignore_merges,
// - a post-processor that puts one id before and one after.
// Special tokens are not searched for within the text. Characters outside ASCII count as word letters unless Unicode
// calls them white space; a byte that is not UTF-8 counts as one unknown character.
//
// Encoding does not change the object: any number of threads may share one.
class BytePairTokenizer {
 public:
  struct Words {
    // Characters per word; 0: words as Whitespace splits them.
    size_t length = 0;
    // Whether a word that equals a token becomes that token, whatever the merges would make of its letters
    // (ignore_merges).
    bool whole = false;
  };

  // tokens: text by id; an empty text marks an unused id. merges: `count` triples of ids (left, right, merged), the
  // rank of a merge is its position. Throws kArgument for an id outside `tokens`, a text that occurs twice, or a merge
  // whose text is not left + right.
  BytePairTokenizer(const std::vector<std::string>& tokens, const int32_t* merges, size_t count, int32_t unknown,
                    int32_t prefix, int32_t suffix, const Words& words);

  // Working memory for encoding; a thread reuses one for all its texts, one after another.
  class Scratch;

  // Appends the prefix, the ids of the text and the suffix to `out`. Takes linear time if each token is made by one
  // merge of earlier ones, as in trained vocabularies; quadratic time at worst.
  void encode(const char* text, size_t length, Scratch& scratch, std::vector<int32_t>& out) const;

 private:
  struct Slot {
    uint64_t pair;
    uint32_t rank;
  };
  struct Symbol {
    int32_t id;
    uint32_t previous;
    uint32_t next;
  };

  void add_characters(const std::vector<std::string>& tokens);
  void add_merges(const std::vector<std::string>& tokens, const int32_t* merges, size_t count);
  uint32_t rank_of(int32_t left, int32_t right) const;
  // Where the run that begins at `text` ends, and whether it is a word: space between words is not.
  size_t word_end(const char* text, size_t length, bool& is_word) const;
  size_t piece_end(const char* text, size_t length) const;
  void split_symbols(const char* word, size_t length, Scratch& scratch) const;
  void encode_word(const char* word, size_t length, Scratch& scratch, std::vector<int32_t>& out) const;
  void merge_symbols(Scratch& scratch) const;

  std::array<int32_t, 128> ascii_ids_{};
  std::unordered_map<std::string, int32_t> other_ids_;
  std::vector<Merge> merges_;
  std::optional<FirstMerges> first_merges_;
  // The rank of a pair without a merge: the number of merges.
  uint32_t no_merge_ = 0;
  // Open addressing; the number of slots is a power of two.
  std::vector<Slot> slots_;
  uint32_t slot_shift_ = 0;
  int32_t unknown_;
  int32_t prefix_;
  int32_t suffix_;
  Words words_;
  // All tokens, if whole words may be tokens.
  std::unordered_map<std::string, int32_t> whole_words_;
};

class BytePairTokenizer::Scratch {
 public:
  explicit Scratch(const BytePairTokenizer& tokenizer) : queue_(tokenizer.no_merge_) {}

 private:
  friend class BytePairTokenizer;

  std::vector<Symbol> symbols_;
  std::vector<uint16_t> states_;
  std::vector<int32_t> ids_;
  MergeQueue queue_;
};

}  // namespace virnucpro
