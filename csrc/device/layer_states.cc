#include "device/layer_states.h"

#include <algorithm>
#include <iterator>

#include "model/host_memory.h"

namespace virnucpro {

int64_t EmbedOptions::last_layer() const { return *std::max_element(layers.begin(), layers.end()); }

std::vector<bool> EmbedOptions::wanted() const {
  std::vector<bool> all(static_cast<size_t>(last_layer()) + 1, false);
  for (const auto layer : layers) all[static_cast<size_t>(layer)] = true;
  return all;
}

LayerStates::LayerStates(const EmbedOptions& options, const PackedTokens& sequences, int64_t width,
                         const PooledTokens& pooled, const Placement& placement)
    : options_(options), pooled_(pooled), placement_(placement) {
  for (const auto pool : options.pools) {
    const auto rows = pool == Pool::kTokens ? static_cast<int64_t>(sequences.tokens.size()) : sequences.sequences();
    auto& layers = values_.emplace_back();
    for (size_t i = 0; i < options.layers.size(); ++i) {
      layers.push_back(host_memory({rows, width}, at::kFloat, placement.device));
    }
  }
}

void LayerStates::next_piece(const PackedTokens& piece) {
  if (piece_ != nullptr) {
    sequences_before_ += piece_->sequences();
    tokens_before_ += static_cast<int64_t>(piece_->tokens.size());
  }
  piece_ = &piece;
}

void LayerStates::take(int64_t layer, const at::Tensor& state) {
  const auto place = std::find(options_.layers.begin(), options_.layers.end(), layer);
  const auto index = static_cast<size_t>(std::distance(options_.layers.begin(), place));
  for (size_t i = 0; i < options_.pools.size(); ++i) {
    const auto pool = options_.pools[i];
    const auto rows = pool_states(pool, state, *piece_, pooled_, placement_);
    const auto first = pool == Pool::kTokens ? tokens_before_ : sequences_before_;
    values_[i][index].narrow(0, first, rows.size(0)).copy_(rows, /*non_blocking=*/true);
  }
}

}  // namespace virnucpro
