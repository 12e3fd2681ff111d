#include "base/error.h"

#include <array>
#include <cstdio>

namespace featherfm {

std::string show(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.7g", value);
  return text.data();
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
