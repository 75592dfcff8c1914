#pragma once

#include <exception>
#include <string>

namespace virnucpro {

struct FailureDescription {
  const char* code;  // of lib/errors.ts
  std::string message;
  const char* part = nullptr;  // of a batch: `dna` or `protein`; null where it was none of these
};

// What is thrown by this addon, by libtorch and by the libraries that it calls, under the codes of lib/errors.ts.
FailureDescription describe_failure(const std::exception_ptr& failure);

// What a person needs of a message: libtorch's have its own traces behind the first line.
std::string first_line(const std::string& message);

// Whether a smaller piece of the same work might succeed.
bool is_out_of_memory(const std::exception_ptr& failure);

}  // namespace virnucpro
