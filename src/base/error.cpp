#include "base/error.h"

#include <array>
#include <cmath>
#include <cstdint>

namespace featherfm {
namespace {

void append_whole(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits{};
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  out.append(&digits[at], digits.size() - at);
}

// Up to seven significant digits, as printf's %.7g; printf itself would be 10 KB of the WebAssembly
// file.
void append_number(std::string& out, double value) {
  if (value != value) {
    out += "NaN";
    return;
  }
  if (value < 0) {
    out += '-';
    value = -value;
  }
  if (value > 1.7976931348623157e308) {
    out += "infinity";
    return;
  }
  if (value < 9e15 && value == std::floor(value)) {
    append_whole(out, static_cast<std::uint64_t>(value));
    return;
  }
  // value = digits * 10^(exponent - 6), with seven digits.
  int exponent = 0;
  while (value >= 10) value /= 10, ++exponent;
  while (value < 1) value *= 10, --exponent;
  auto digits = static_cast<std::uint64_t>(value * 1e6 + 0.5);
  if (digits == 10'000'000) digits = 1'000'000, ++exponent;
  const bool scientific = exponent < -5 || exponent > 15;
  int point = scientific ? 1 : exponent + 1;  // digits before the decimal point
  std::string text;
  append_whole(text, digits);
  if (point <= 0) text.insert(0, static_cast<std::size_t>(1 - point), '0'), point = 1;
  if (point > static_cast<int>(text.size()))
    text.append(static_cast<std::size_t>(point) - text.size(), '0');
  if (point < static_cast<int>(text.size())) {
    text.insert(static_cast<std::size_t>(point), 1, '.');
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  out += text;
  if (scientific) {
    out += exponent < 0 ? "e-" : "e+";
    append_whole(out, static_cast<std::uint64_t>(exponent < 0 ? -exponent : exponent));
  }
}

}  // namespace

void Part::append_to(std::string& message) const {
  if (is_number_) {
    append_number(message, number_);
  } else {
    message += text_;
  }
}

std::string joined(std::initializer_list<Part> parts) {
  std::string text;
  for (const Part& part : parts) part.append_to(text);
  return text;
}

void fail(ErrorCode code, std::string_view argument, std::initializer_list<Part> message) {
  throw Error(code, argument, joined(message));
}

void fail_range(const char* argument, std::initializer_list<Part> allowed, double value) {
  fail(std::isfinite(value) ? ErrorCode::out_of_range : ErrorCode::not_finite, argument,
       {argument, " must be ", joined(allowed), "; got ", value});
}

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "INVALID_ARGUMENT";
    case ErrorCode::out_of_range:
      return "OUT_OF_RANGE";
    case ErrorCode::size_mismatch:
      return "SIZE_MISMATCH";
    case ErrorCode::not_finite:
      return "NOT_FINITE";
    case ErrorCode::duplicate:
      return "DUPLICATE";
    case ErrorCode::empty:
      return "EMPTY";
    case ErrorCode::diverged:
      return "DIVERGED";
    case ErrorCode::malformed_file:
      return "MALFORMED_FILE";
    case ErrorCode::out_of_memory:
      return "OUT_OF_MEMORY";
    case ErrorCode::internal:
      return "INTERNAL";
  }
  return "INTERNAL";
}

}  // namespace featherfm
