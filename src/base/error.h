// What the core throws. One class, with a stable code, so that callers branch on the code and people read the message.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace featherfm {

enum class ErrorCode {
  invalid_argument,  // wrong kind of value, or values that contradict each other
  out_of_range,      // a number outside what the argument allows
  size_mismatch,     // two arrays that belong together differ in length
  not_finite,        // NaN or infinity where a number is needed
  duplicate,         // a (user, item) pair twice, where that was to be refused
  empty,             // nothing to work on
  diverged,          // parameters became NaN or infinite during training
  malformed_file,    // a model file that cannot be trusted
  out_of_memory,
  internal,  // a fault of our own
};

// The name under which the code is known outside C++ ("OUT_OF_RANGE").
std::string_view name_of(ErrorCode code);

class Error : public std::runtime_error {
 public:
  // `argument` names the caller's argument at fault; empty where no single one is.
  Error(ErrorCode code, std::string argument, const std::string& message)
      : std::runtime_error(message), code_(code), argument_(std::move(argument)) {}

  ErrorCode code() const { return code_; }
  const std::string& argument() const { return argument_; }

 private:
  ErrorCode code_;
  std::string argument_;
};

// A number as it should appear in a message: 0.5, not 0.500000. (Streams would bring 100 KB of locales into the
// WebAssembly file.)
std::string show(double value);
template <std::integral T>
std::string show(T value) {
  return std::to_string(value);
}

// Throws unless low <= value <= high. NaN never passes.
template <class T>
void require_range(T value, T low, T high, const char* argument) {
  if (value >= low && value <= high) return;
  throw Error(std::isfinite(static_cast<double>(value)) ? ErrorCode::out_of_range
                                                        : ErrorCode::not_finite,
              argument,
              std::string(argument) + " must be from " + show(low) + " to " + show(high) +
                  "; got " + show(value));
}

// Throws unless low < value <= high. NaN never passes.
inline void require_above(double value, double low, double high, const char* argument) {
  if (value > low && value <= high) return;
  throw Error(std::isfinite(value) ? ErrorCode::out_of_range : ErrorCode::not_finite, argument,
              std::string(argument) + " must be greater than " + show(low) + " and at most " +
                  show(high) + "; got " + show(value));
}

inline void require_same_size(std::size_t size, std::size_t expected, const char* argument) {
  if (size == expected) return;
  throw Error(ErrorCode::size_mismatch, argument,
              std::string(argument) + " must have " + show(expected) + " entries; got " +
                  show(size));
}

}  // namespace featherfm
