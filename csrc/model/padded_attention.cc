#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "model/attention.h"
#include "model/host_memory.h"
#include "model/masked_attention.h"
#include "model/rotary.h"
#include "model/token_tensors.h"

namespace virnucpro {

namespace {

// Logits held at a time: more than any sequence of a thousand tokens needs for 16 heads.
constexpr int64_t kMaxLogits = int64_t{1} << 24;
// A sequence joins a group when its length is at least this fraction of the group's longest.
constexpr double kMinFilled = 0.75;

// Sequences that are padded to the same length.
struct Group {
  int64_t sequences = 0;
  int64_t length = 0;
  at::Tensor rows;  // [sequences * length] the packed row of every place; past a sequence's end, its last row
  // Added to the logits, [sequences, 1, 1, length]: 0, or -infinity past the end. Includes the position bias,
  // [sequences, heads, length, length], if all queries of the group are computed at once.
  at::Tensor mask;
};

at::Tensor joined(const std::vector<at::Tensor>& parts, int64_t dimension) {
  return parts.size() == 1 ? parts.front() : at::cat(parts, dimension);
}

class PaddedAttention final : public PackedAttention {
 public:
  PaddedAttention(const PackedTokens& sequences, const AttentionShape& shape, const PositionEncoding& positions,
                  const Placement& placement)
      : shape_(shape), slopes_(positions.slopes), placement_(placement) {
    const auto rows = placement.rows_for(static_cast<int64_t>(sequences.tokens.size()));
    if (positions.cosine.defined()) {
      rotation_.emplace(positions, token_positions(sequences, placement.device, rows), placement);
    }
    make_groups(sequences, rows);
  }

  const char* backend() const override { return "padded"; }

  at::Tensor operator()(const at::Tensor& query_key_value) override {
    const auto heads = query_key_value.view({query_key_value.size(0), 3, shape_.heads, shape_.head_width});
    if (rotation_) rotation_->rotate(heads);
    std::vector<at::Tensor> mixed;
    for (const auto& group : groups_) mixed.push_back(attend(group, heads));
    return joined(mixed, 0).index_select(0, places_);
  }

 private:
  void make_groups(const PackedTokens& sequences, int64_t rows) {
    std::vector<int64_t> order(static_cast<size_t>(sequences.sequences()));
    std::iota(order.begin(), order.end(), 0);
    const auto length_of = [&](int64_t i) { return sequences.end(i) - sequences.begin(i); };
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return length_of(a) > length_of(b); });
    const auto places = host_memory({rows}, at::kLong, placement_.device).zero_();
    int64_t place = 0;
    for (auto first = order.begin(); first != order.end();) {
      const auto longest = length_of(*first);
      const auto length = padded_length(longest);
      const auto max_sequences = std::max(int64_t{1}, kMaxLogits / (shape_.heads * length * length));
      auto last = first;
      while (last != order.end() && last - first < max_sequences &&
             static_cast<double>(length_of(*last)) >= kMinFilled * static_cast<double>(longest)) {
        ++last;
      }
      groups_.push_back(group_of(sequences, {first, last}, length));
      for (; first != last; ++first, place += length) {
        for (int64_t k = 0; k < length_of(*first); ++k) {
          places.mutable_data_ptr<int64_t>()[sequences.begin(*first) + k] = place + k;
        }
      }
    }
    places_ = to_device(places, placement_.device);
  }

  Group group_of(const PackedTokens& sequences, const std::vector<int64_t>& members, int64_t length) const {
    const auto count = static_cast<int64_t>(members.size());
    const auto rows = host_memory({count * length}, at::kLong, placement_.device);
    const auto ends = host_memory({count, 1, 1, length}, at::kFloat, placement_.device).zero_();
    auto* row = rows.mutable_data_ptr<int64_t>();
    auto* masked = ends.mutable_data_ptr<float>();
    for (const auto sequence : members) {
      for (int64_t k = 0; k < length; ++k, ++row, ++masked) {
        const auto own = sequences.begin(sequence) + k;
        *row = std::min(own, sequences.end(sequence) - 1);
        if (own != *row) *masked = -std::numeric_limits<float>::infinity();
      }
    }
    auto mask = to_device(ends, placement_.device);
    if (slopes_.defined() && queries_at_once(length) >= length) mask = mask + distance_bias(0, length, length);
    return {count, length, to_device(rows, placement_.device), mask.to(placement_.dtype)};
  }

  int64_t padded_length(int64_t length) const {
    return placement_.device.is_cuda() ? (length + kKeyStep - 1) / kKeyStep * kKeyStep : length;
  }

  int64_t queries_at_once(int64_t length) const { return std::max(int64_t{1}, kMaxLogits / (shape_.heads * length)); }

  // query_key_value [rows, 3, heads, head width] -> [sequences * length, heads * head width] of the group.
  at::Tensor attend(const Group& group, const at::Tensor& query_key_value) const {
    const auto padded = query_key_value.index_select(0, group.rows)
                            .view({group.sequences, group.length, 3, shape_.heads, shape_.head_width})
                            .transpose(1, 3);
    const auto q = padded.select(2, 0);
    const auto k = padded.select(2, 1);
    const auto v = padded.select(2, 2);
    const auto step = queries_at_once(group.length);
    std::vector<at::Tensor> pieces;
    for (int64_t first = 0; first < group.length; first += step) {
      const auto count = std::min(step, group.length - first);
      auto mask = group.mask;
      if (slopes_.defined() && step < group.length) {
        mask = (mask + distance_bias(first, count, group.length)).to(placement_.dtype);
      }
      pieces.push_back(masked_attention(q.narrow(2, first, count), k, v, mask));
    }
    return joined(pieces, 2).transpose(1, 2).reshape(
        {group.sequences * group.length, shape_.heads * shape_.head_width});
  }

  // [1, heads, count, length]: minus the slope per token of distance between query and key.
  at::Tensor distance_bias(int64_t first, int64_t count, int64_t length) const {
    const auto places = at::arange(length, slopes_.options());
    const auto distance = places.unsqueeze(0).sub(places.narrow(0, first, count).unsqueeze(1)).abs_();
    return distance.mul(slopes_.neg().view({1, -1, 1, 1}));
  }

  const AttentionShape shape_;
  const at::Tensor slopes_;
  const Placement placement_;
  std::vector<Group> groups_;
  at::Tensor places_;  // [rows] where a packed row's result lies in the groups, laid end to end
  std::optional<Rotation> rotation_;
};

}  // namespace

std::unique_ptr<PackedAttention> make_padded_attention(const PackedTokens& sequences, const AttentionShape& shape,
                                                       const PositionEncoding& positions, const Placement& placement) {
  return std::make_unique<PaddedAttention>(sequences, shape, positions, placement);
}

}  // namespace virnucpro
