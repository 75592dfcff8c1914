#pragma once

#include <cstddef>
#include <new>

namespace virnucpro {

// A singleton that is never destroyed: threads and environments may outlive the process's globals.
template <typename Value>
class Leaked {
 public:
  Leaked() { ::new (static_cast<void*>(memory_)) Value; }
  Leaked(const Leaked&) = delete;
  Leaked& operator=(const Leaked&) = delete;

  Value& operator*() { return *std::launder(reinterpret_cast<Value*>(memory_)); }

 private:
  alignas(Value) std::byte memory_[sizeof(Value)]{};
};

}  // namespace virnucpro
