#include "base/error.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

#include "base/random.h"
#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

std::string message_of(auto&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("messages show numbers as people write them") {
  CHECK(joined({0}) == "0");
  CHECK(joined({-17}) == "-17");
  CHECK(joined({4294967295u}) == "4294967295");
  CHECK(joined({100'000}) == "100000");
  CHECK(joined({0.5}) == "0.5");
  CHECK(joined({0.1f}) == "0.1");
  CHECK(joined({-0.05f}) == "-0.05");
  CHECK(joined({1e-5}) == "0.00001");
  CHECK(joined({1.5e-8}) == "1.5e-8");
  CHECK(joined({1e9f}) == "1000000000");
  CHECK(joined({3e38}) == "3e+38");
  CHECK(joined({2.0 / 3}) == "0.6666667");
  CHECK(joined({9999999.96}) == "10000000");
  CHECK(joined({0.99999999}) == "1");
  CHECK(joined({std::nan("")}) == "NaN");
  CHECK(joined({-std::numeric_limits<double>::infinity()}) == "-infinity");
}

TEST_CASE("a number of up to six digits can be read back from a message") {
  Random random(3);
  for (int k = 0; k < 3000; ++k) {
    const auto exponent = static_cast<int>(random.below(60)) - 30;
    const std::string text =
        std::to_string(1 + random.below(999'999)) + "e" + std::to_string(exponent);
    const double value = std::strtod(text.c_str(), nullptr);
    CHECK(std::strtod(joined({value}).c_str(), nullptr) == value);
  }
}

TEST_CASE("numbers of any size can be shown") {
  for (const double value : {5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 9.1e15}) {
    const double shown = std::strtod(joined({value}).c_str(), nullptr);
    CHECK(std::abs(shown - value) <= 1e-6 * value + 1e-323);
  }
}

TEST_CASE("an error names its code, the argument, what is allowed and what came") {
  const auto out_of_range = [] { require_range(7, 1, 5, "stars"); };
  CHECK(error_of(out_of_range) == "OUT_OF_RANGE stars");
  CHECK(message_of(out_of_range) == "stars must be from 1 to 5; got 7");
  CHECK(message_of([] { require_above(0, 0, 1, "rate"); }) ==
        "rate must be greater than 0 and at most 1; got 0");
  CHECK(message_of([] { require_same_size(3, 4, "items"); }) == "items must have 4 entries; got 3");
  const auto no_number = [] { require_range(std::nanf(""), 1.0f, 5.0f, "stars"); };
  CHECK(error_of(no_number) == "NOT_FINITE stars");
  CHECK(message_of(no_number) == "stars must be from 1 to 5; got NaN");
}

TEST_CASE("both ends of a range are allowed, and only the upper one of an open range") {
  CHECK(error_of([] { require_range(1, 1, 5, "x"); }) == "nothing");
  CHECK(error_of([] { require_range(5, 1, 5, "x"); }) == "nothing");
  CHECK(error_of([] { require_above(1, 0, 1, "x"); }) == "nothing");
  CHECK(error_of([] { require_above(std::nan(""), 0, 1, "x"); }) == "NOT_FINITE x");
}

TEST_CASE("every error code has a name of its own") {
  CHECK(name_of(ErrorCode::invalid_argument) == "INVALID_ARGUMENT");
  CHECK(name_of(ErrorCode::diverged) == "DIVERGED");
  CHECK(name_of(ErrorCode::malformed_file) == "MALFORMED_FILE");
  CHECK(name_of(ErrorCode::out_of_memory) == "OUT_OF_MEMORY");
  CHECK(name_of(ErrorCode::internal) == "INTERNAL");
}
