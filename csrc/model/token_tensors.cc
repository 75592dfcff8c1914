#include "model/token_tensors.h"

#include <algorithm>

#include "model/host_memory.h"

namespace virnucpro {

at::Tensor token_ids(const PackedTokens& sequences, at::Device device, int64_t rows) {
  const auto host = host_memory({rows}, at::kLong, device).zero_();
  std::copy(sequences.tokens.begin(), sequences.tokens.end(), host.mutable_data_ptr<int64_t>());
  return to_device(host, device);
}

at::Tensor token_positions(const PackedTokens& sequences, at::Device device, int64_t rows) {
  const auto host = host_memory({rows}, at::kLong, device).zero_();
  auto* position = host.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < sequences.sequences(); ++i) {
    for (int64_t k = sequences.begin(i); k < sequences.end(i); ++k) position[k] = k - sequences.begin(i);
  }
  return to_device(host, device);
}

at::Tensor sequence_offsets(const PackedTokens& sequences, at::Device device) {
  const auto host = host_memory({sequences.sequences() + 1}, at::kInt, device);
  std::copy(sequences.offsets.begin(), sequences.offsets.end(), host.mutable_data_ptr<int32_t>());
  return to_device(host, device);
}

}  // namespace virnucpro
