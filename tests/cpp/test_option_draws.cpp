#include "train/option_draws.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

TEST_CASE("draws lie in their ranges and fill them evenly, on the scale that was asked for") {
  const OptionRange ranges[] = {{-2, 6}, {1e-4, 1, true}, {1, 4, false, true}, {1, 64, true, true}};
  constexpr std::uint32_t trials = 8000;
  const auto draws = draw_options(ranges, trials, 1);
  REQUIRE(draws.size() == 4 * trials);
  double mean = 0, mean_of_logs = 0;
  std::vector<int> whole(5);
  int below_8 = 0;
  for (std::size_t t = 0; t < trials; ++t) {
    const double* row = &draws[4 * t];
    for (std::size_t k = 0; k < 4; ++k) {
      CHECK((row[k] >= ranges[k].low && row[k] <= ranges[k].high));
      if (ranges[k].whole) CHECK(row[k] == std::floor(row[k]));
    }
    mean += row[0] / trials;
    mean_of_logs += std::log10(row[1]) / trials;
    ++whole[static_cast<std::size_t>(row[2])];
    below_8 += row[3] < 8 ? 1 : 0;
  }
  CHECK(std::abs(mean - 2) < 0.1);
  CHECK(std::abs(mean_of_logs + 2) < 0.05);
  for (std::size_t k = 1; k <= 4; ++k) CHECK(std::abs(whole[k] - 2000) < 160);
  CHECK(std::abs(below_8 - trials * std::log(8) / std::log(65)) < 200);
}

TEST_CASE("the same seed draws the same, and more trials go on where fewer end") {
  const OptionRange ranges[] = {{0, 1}, {0.1, 10, true}};
  const auto few = draw_options(ranges, 5, 3), many = draw_options(ranges, 9, 3);
  CHECK(std::equal(few.begin(), few.end(), many.begin()));
  CHECK(draw_options(ranges, 5, 4) != few);
  CHECK(draw_options({}, 5, 4).empty());
}

TEST_CASE("what is no range is refused") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto refused = [](OptionRange range) {
    return error_of([&] { draw_options({&range, 1}, 1, 1); }) == "OUT_OF_RANGE ranges";
  };
  CHECK(refused({1, 1}));
  CHECK(refused({2, 1}));
  CHECK(refused({0, 1, true}));
  CHECK(refused({-1, 1, true}));
  CHECK(refused({0.5, 2, false, true}));
  CHECK(refused({1, 2.5, false, true}));
  CHECK(refused({0, infinity}));
  CHECK(refused({std::nan(""), 1}));
  CHECK(error_of([] { draw_options({}, 0, 1); }) == "OUT_OF_RANGE trials");
}
