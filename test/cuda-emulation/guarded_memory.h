// Memory that ends at an inaccessible page: one byte too far is a segmentation fault.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace emulation {

class GuardedMemory {
 public:
  explicit GuardedMemory(size_t bytes) : bytes_(bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t pages = (bytes + page - 1) / page * page;
    mapped_ = pages + 2 * page;
    mapping_ = static_cast<char*>(mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (mapping_ == MAP_FAILED || mprotect(mapping_ + page, pages, PROT_READ | PROT_WRITE) != 0) {
      std::perror("GuardedMemory");
      std::abort();
    }
    begin_ = mapping_ + page + (pages - bytes);
    poison();
  }
  ~GuardedMemory() { munmap(mapping_, mapped_); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  char* begin() const { return begin_; }
  size_t bytes() const { return bytes_; }

  // Sets all numbers to NaN, so that a read before the first write shows.
  void poison() { std::memset(begin_, 0xff, bytes_); }

 private:
  size_t bytes_;
  size_t mapped_ = 0;
  char* mapping_ = nullptr;
  char* begin_ = nullptr;
};

}  // namespace emulation
