#pragma once

#include <exception>
#include <string>

namespace virnucpro {

struct FailureDescription {
  const char* code;  // of lib/errors.ts
  std::string message;
  const char* part = nullptr;  // of a batch, `dna` or `protein`; null if the failure belongs to neither
};

// Describes an exception of this addon, of libtorch or of a library that it calls, under a code of lib/errors.ts.
FailureDescription describe_failure(const std::exception_ptr& failure);

// The part of a message that a person needs: libtorch appends its own traces after the first line.
std::string first_line(const std::string& message);

// Whether a smaller piece of the same work might succeed.
bool is_out_of_memory(const std::exception_ptr& failure);

}  // namespace virnucpro
