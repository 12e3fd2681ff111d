// What the core throws. One class, with a stable code, so that callers branch on the code and
// people read the message.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
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
  Error(ErrorCode code, std::string_view argument, const std::string& message)
      : std::runtime_error(message), code_(code), argument_(argument) {}

  ErrorCode code() const { return code_; }
  const std::string& argument() const { return argument_; }

 private:
  ErrorCode code_;
  std::string argument_;
};

// A piece of a message. Messages are put together behind one call, not at every place that may
// fail: strings and their clean-up at each of them made up a third of the WebAssembly file.
class Part {
 public:
  Part(const char* text) : text_(text) {}
  Part(const std::string& text) : text_(text) {}
  Part(std::string_view text) : text_(text) {}
  Part(double number) : number_(number), is_number_(true) {}
  template <std::integral T>
  Part(T number) : Part(static_cast<double>(number)) {}

  void append_to(std::string& message) const;

 private:
  std::string_view text_;
  double number_ = 0;
  bool is_number_ = false;
};

// The pieces as one text. Whole numbers beyond 2^53 lose their last digits.
std::string joined(std::initializer_list<Part> parts);

[[noreturn]] void fail(ErrorCode code, std::string_view argument,
                       std::initializer_list<Part> message);

// `value` is not what `argument` allows: not_finite for NaN and infinities, else out_of_range.
[[noreturn]] void fail_range(const char* argument, std::initializer_list<Part> allowed,
                             double value);

// Throws unless low <= value <= high. NaN never passes.
template <class T>
void require_range(T value, T low, T high, const char* argument) {
  if (value >= low && value <= high) return;
  fail_range(argument, {"from ", low, " to ", high}, static_cast<double>(value));
}

// Throws unless low < value <= high. NaN never passes.
inline void require_above(double value, double low, double high, const char* argument) {
  if (value > low && value <= high) return;
  fail_range(argument, {"greater than ", low, " and at most ", high}, value);
}

inline void require_same_size(std::size_t size, std::size_t expected, const char* argument) {
  if (size == expected) return;
  fail(ErrorCode::size_mismatch, argument,
       {argument, " must have ", expected, " entries; got ", size});
}

}  // namespace featherfm
