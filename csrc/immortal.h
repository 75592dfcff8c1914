#pragma once

#include <cstddef>
#include <new>

namespace virnucpro {

// A value that is made once and never destroyed: threads and environments may end after the process's globals.
template <typename Value>
class Immortal {
 public:
  Immortal() { ::new (static_cast<void*>(memory_)) Value; }
  Immortal(const Immortal&) = delete;
  Immortal& operator=(const Immortal&) = delete;

  Value& operator*() { return *std::launder(reinterpret_cast<Value*>(memory_)); }

 private:
  alignas(Value) std::byte memory_[sizeof(Value)]{};
};

}  // namespace virnucpro
