#include "base/random.h"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

using namespace featherfm;

TEST_CASE("the generator is xoshiro256++ seeded by splitmix64") {
  // Python 3, integer arithmetic from prng.di.unimi.it/xoshiro256plusplus.c and splitmix64.c; the
  // same script gives the vectors published for splitmix64 (seed 1234567: 6457827717110365317, ...)
  // and xoshiro256++ (state 1, 2, 3, 4: 41943041, 58720359, 3588806011781223, ...). The first row
  // is also that of Rust's rand_xoshiro, seed_from_u64(0).
  struct Known {
    std::uint64_t seed;
    std::array<std::uint64_t, 4> outputs;
  };
  const Known known[] = {
      {0u, {5987356902031041503u, 7051070477665621255u, 6633766593972829180u, 211316841551650330u}},
      {1u,
       {14971601782005023387u, 13781649495232077965u, 1847458086238483744u, 13765271635752736470u}},
      {18446744073709551615u,
       {6254647548650071986u, 16610832622747802512u, 16422857234328439435u, 5048281510058307187u}},
  };
  for (const auto& [seed, outputs] : known) {
    Random random(seed);
    for (const std::uint64_t output : outputs) CHECK(random.bits() == output);
  }
}

TEST_CASE("uniform numbers fill [0, 1) evenly") {
  Random random(1);
  constexpr int draws = 200'000;
  double sum = 0, squares = 0;
  std::array<int, 10> bins{};
  for (int k = 0; k < draws; ++k) {
    const double x = random.uniform();
    REQUIRE((x >= 0 && x < 1));
    sum += x;
    squares += x * x;
    ++bins[static_cast<std::size_t>(10 * x)];
  }
  CHECK(std::abs(sum / draws - 0.5) < 0.003);  // 4.6 standard errors
  CHECK(std::abs(squares / draws - 1.0 / 3) < 0.003);
  for (const int count : bins) CHECK(std::abs(count - draws / 10) < 700);  // 5.2 standard errors
}

TEST_CASE("normal numbers have mean 0, variance 1, no skew, kurtosis 3, and are not correlated") {
  Random random(2);
  constexpr int draws = 200'000;
  double previous = 0, product = 0;
  std::array<double, 5> moments{};
  for (int k = 0; k < draws; ++k) {
    const double x = random.normal();
    product += x * previous;
    previous = x;
    for (std::size_t power = 1; power < moments.size(); ++power) {
      moments[power] += std::pow(x, static_cast<double>(power)) / draws;
    }
  }
  // Five standard errors: roots of 1, 2, 15, 96 over the number of draws.
  CHECK(std::abs(moments[1]) < 0.011);
  CHECK(std::abs(moments[2] - 1) < 0.016);
  CHECK(std::abs(moments[3]) < 0.044);
  CHECK(std::abs(moments[4] - 3) < 0.11);
  CHECK(std::abs(product / draws) < 0.011);
}

TEST_CASE("below(n) stays below n and favours nobody") {
  for (const std::uint32_t n : {1u, 2u, 3u, 7u, 10u, 1000u}) {
    Random random(n);
    constexpr std::uint32_t per_value = 500;
    std::vector<double> counts(n);
    for (std::uint32_t k = 0; k < n * per_value; ++k) {
      const std::uint32_t x = random.below(n);
      REQUIRE(x < n);
      ++counts[x];
    }
    double chi_squared = 0;
    for (const double count : counts) {
      chi_squared += (count - per_value) * (count - per_value) / per_value;
    }
    CHECK(chi_squared < n + 5 * std::sqrt(2.0 * n));
  }
}

TEST_CASE("below(n) has no bias where n does not divide 2^32") {
  // With n = 3 * 2^30, multiplying alone would draw every third value twice as often as the others.
  constexpr std::uint32_t n = 3u << 30;
  Random random(3);
  std::array<int, 3> counts{};
  for (int k = 0; k < 60'000; ++k) ++counts[random.below(n) % 3];
  for (const int count : counts) CHECK(std::abs(count - 20'000) < 600);
}

TEST_CASE("shuffle is a permutation, and each of the six of three comes up equally often") {
  std::vector<int> many(1000);
  std::iota(many.begin(), many.end(), 0);
  auto shuffled = many;
  Random random(4);
  random.shuffle(shuffled);
  CHECK(shuffled != many);
  std::ranges::sort(shuffled);
  CHECK(shuffled == many);

  std::array<int, 6> counts{};
  for (int k = 0; k < 60'000; ++k) {
    std::vector<int> three{0, 1, 2};
    random.shuffle(three);
    ++counts[static_cast<std::size_t>(2 * three[0] + (three[1] > three[2] ? 1 : 0))];
  }
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 500);
}

TEST_CASE("other seeds give other numbers") {
  CHECK(Random(1).bits() != Random(2).bits());
  CHECK(Random(1).bits() == Random(1).bits());
}
