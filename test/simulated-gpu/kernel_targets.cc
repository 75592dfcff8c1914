// The targets that the library was compiled for, where the real one has them: its section of kernels contains a region
// with one entry per compute capability. These are those of libtorch 2.11's wheel for CUDA 13.

#include <cstdint>

namespace {

struct Entry {
  uint16_t kind;
  uint16_t version;
  uint32_t header_bytes;
  uint64_t code_bytes;
  uint32_t unused[3];
  uint32_t architecture;
};

struct Region {
  uint32_t magic;
  uint16_t version;
  uint16_t header_bytes;
  uint64_t entry_bytes;
  Entry entries[6];
};

constexpr uint16_t kCode = 2;  // of one architecture; 1 would be PTX

constexpr Entry entry(uint32_t architecture) { return {kCode, 0x101, sizeof(Entry), 0, {}, architecture}; }

[[gnu::used, gnu::section(".nv_fatbin")]] const Region kKernels = {
    0xba55ed50,
    1,
    sizeof(Region) - sizeof(Region::entries),
    sizeof(Region::entries),
    {entry(75), entry(80), entry(86), entry(90), entry(100), entry(120)}};

}  // namespace
