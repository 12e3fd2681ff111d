#include "base/normal.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "base/matrix.h"

using namespace featherfm;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr float infinite = std::numeric_limits<float>::infinity();

bool close(double value, double expected, double relative) {
  return std::abs(value - expected) <= relative * std::abs(expected);
}

// By the standard library. Good to 37 standard deviations, where a double ends.
double density(double x) {
  return std::exp(-0.5 * x * x) / std::sqrt(2 * std::acos(-1.0));
}
double above(double x) {
  return 0.5 * std::erfc(x / std::sqrt(2.0));
}
double probability(double low, double high) {
  if (low >= 0) return above(low) - above(high);
  if (high <= 0) return above(-high) - above(-low);
  return 1 - above(-low) - above(high);
}

struct Ends {
  double low, high;
};

}  // namespace

TEST_CASE("the scaled complementary error function is that of the standard library") {
  for (int k = 0; k <= 250; ++k) {
    const double x = 0.1 * k;
    CAPTURE(x);
    CHECK(close(scaled_erfc(x), std::exp(x * x) * std::erfc(x), 1e-12));
  }
  // Where e^(x^2) is no double any more: 1 / (x sqrt(pi)), but for its square.
  CHECK(close(scaled_erfc(1e8), 1 / (1e8 * std::sqrt(std::acos(-1.0))), 1e-13));
}

TEST_CASE("probabilities below a value are those of the standard library, in the tails too") {
  for (int k = -370; k <= 90; ++k) {
    const double x = 0.1 * k;
    CAPTURE(x);
    CHECK(close(normal_cdf(x), above(-x), 1e-12));
    CHECK(close(normal_density(x), density(x), 1e-12));
  }
  CHECK(normal_cdf(0) == 0.5);
  CHECK(normal_cdf(infinity) == 1);
  CHECK(normal_cdf(-infinity) == 0);
}

TEST_CASE("probabilities of many floats are those of one double") {
  AlignedFloats values(804);
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = 0.05f * static_cast<float>(k) - 20;
  values[0] = -100;
  values[1] = 100;
  const AlignedFloats x = values;
  normal_cdf(values.data(), values.size());
  for (std::size_t k = 0; k < values.size(); ++k) {
    CAPTURE(x[k]);
    CHECK(std::abs(double{values[k]} - normal_cdf(double{x[k]})) < 2e-7);
    CHECK((values[k] >= 0 && values[k] <= 1));
  }
}

TEST_CASE("an interval's probability and densities are those of the standard library") {
  for (const auto& [low, high] :
       {Ends{-1, 1}, Ends{-infinity, 0.3}, Ends{-0.2, infinity}, Ends{0, 0.001}, Ends{-3, -2.5},
        Ends{2.5, 3}, Ends{-7, 2}, Ends{8, 9}, Ends{-9, -8}, Ends{20, 20.1}, Ends{-infinity, -25},
        Ends{30, 31}, Ends{-31, -30}, Ends{30, infinity}, Ends{-infinity, -30},
        Ends{-infinity, infinity}}) {
    CAPTURE(low, high);
    const double p = probability(low, high);
    const NormalInterval interval = normal_interval(low, high);
    CHECK(std::abs(interval.log_probability - std::log(p)) < 1e-9);
    CHECK(close(interval.low_ratio, density(low) / p, 1e-9));
    CHECK(close(interval.high_ratio, density(high) / p, 1e-9));
  }
}

TEST_CASE("an interval where a double is 0 still has a logarithm and slopes") {
  // P(x > t) = density(t) / t (1 - 1/t^2 + 3/t^4 ...)
  const double t = 1000,
               expected = -0.5 * t * t - std::log(t) - 0.5 * std::log(2 * std::acos(-1.0));
  for (const double end : {infinity, 1001.0}) {
    const NormalInterval right = normal_interval(t, end), left = normal_interval(-end, -t);
    CHECK(std::abs(right.log_probability - expected) < 1e-5);
    CHECK(close(right.low_ratio, t, 1e-5));
    CHECK(right.high_ratio == 0);
    CHECK(left.log_probability == right.log_probability);
    CHECK(left.high_ratio == right.low_ratio);
    CHECK(left.low_ratio == right.high_ratio);
  }
}

TEST_CASE("sums over scores are those of one interval after the other") {
  Random random(4);
  for (const std::size_t n : {0u, 1u, 3u, 4u, 7u, 255u, 256u, 257u, 700u}) {
    for (const auto& [low, high] :
         {std::pair{-0.5f, 1.5f}, std::pair{-infinite, 0.25f}, std::pair{1.0f, infinite},
          std::pair{2.0f, 2.1f}, std::pair{-30.0f, -28.0f}, std::pair{25.0f, infinite}}) {
      std::vector<float> scores(n);
      for (float& score : scores) score = static_cast<float>(1.5 * random.normal());
      IntervalSums sums, expected;
      add_intervals(scores.data(), n, low, high, sums);
      for (const float score : scores) {
        const double l = double{low} - double{score}, h = double{high} - double{score};
        const NormalInterval one = normal_interval(l, h);
        expected.log += one.log_probability;
        expected.low += one.low_ratio;
        expected.high += one.high_ratio;
        if (low > -infinite) expected.low_squares += one.low_ratio * (l - one.low_ratio);
        if (high < infinite) expected.high_squares += one.high_ratio * (h + one.high_ratio);
        expected.both += one.low_ratio * one.high_ratio;
      }
      CAPTURE(n, low, high);
      // Scores that are no part of a narrow interval leave few digits of the squares, which are
      // differences; they only shape a proposal.
      CHECK(std::abs(sums.log - expected.log) <= 1e-4 * std::abs(expected.log) + 1e-5);
      CHECK(std::abs(sums.low - expected.low) <= 1e-3 * std::abs(expected.low) + 1e-5);
      CHECK(std::abs(sums.high - expected.high) <= 1e-3 * std::abs(expected.high) + 1e-5);
      CHECK(std::abs(sums.both - expected.both) <= 2e-3 * std::abs(expected.both) + 1e-5);
      const double scale = std::abs(expected.both) + expected.low * 30 + expected.high * 30;
      CHECK(std::abs(sums.low_squares - expected.low_squares) <= 2e-3 * scale + 1e-5);
      CHECK(std::abs(sums.high_squares - expected.high_squares) <= 2e-3 * scale + 1e-5);
    }
  }
}

TEST_CASE("sums add to what is there, and bear scores far outside the interval") {
  const std::vector<float> scores(9, 35.0f);
  IntervalSums once, twice;
  add_intervals(scores.data(), scores.size(), -1, 1, once);
  add_intervals(scores.data(), scores.size(), -1, 1, twice);
  add_intervals(scores.data(), scores.size(), -1, 1, twice);
  CHECK(close(once.log, 9 * normal_interval(-36, -34).log_probability, 1e-4));
  CHECK(close(twice.log, 2 * once.log, 1e-12));
  CHECK(close(twice.high, 2 * once.high, 1e-12));
  for (const float score : {-1e6f, 1e6f}) {
    IntervalSums far;
    add_intervals(&score, 1, -1, 1, far);
    CHECK(std::isfinite(far.log));
    CHECK(std::isfinite(far.low));
    CHECK(std::isfinite(far.high));
  }
}

TEST_CASE("draws from a part of the normal distribution have its moments") {
  constexpr int draws = 20'000;
  for (const auto& [low, high] :
       {Ends{-infinity, infinity}, Ends{0, infinity}, Ends{-infinity, 0}, Ends{-1, 1},
        Ends{-0.5, 3}, Ends{-3, 0.2}, Ends{-6, 6}, Ends{1, 1.5}, Ends{-2, infinity},
        Ends{2, infinity}, Ends{-infinity, -2}, Ends{3, 8}, Ends{8, infinity}, Ends{-infinity, -8},
        Ends{30, infinity}, Ends{30, 30.01}, Ends{-31, -30}, Ends{-40, 50}, Ends{0, 1e-6}}) {
    Random random(9);
    CAPTURE(low, high);
    double sum = 0, squares = 0;
    bool inside = true;
    const double p = probability(low, high);
    const double mean = (density(low) - density(high)) / p;
    for (int k = 0; k < draws; ++k) {
      const double x = truncated_normal(random, low, high);
      inside = inside && x >= low && x <= high;
      sum += x - mean;
      squares += (x - mean) * (x - mean);
    }
    CHECK(inside);
    const double of_low = low == -infinity ? 0 : low * density(low);
    const double of_high = high == infinity ? 0 : high * density(high);
    const double variance = 1 + (of_low - of_high) / p - mean * mean;
    if (high - low < 0.1) {  // nearly flat; the formula has no digits left
      const double width = high - low;
      CHECK(std::abs(sum / draws - (0.5 * (low + high) - mean)) < 0.06 * width);
      CHECK(std::abs(squares / draws - width * width / 12) < 0.05 * width * width);
    } else {
      CHECK(std::abs(sum / draws) < 4 * std::sqrt(variance / draws));
      CHECK(close(squares / draws, variance, 0.06));
    }
  }
}

TEST_CASE("an interval a thousand standard deviations away is drawn from at once") {
  Random random(2);
  for (int k = 0; k < 1000; ++k) {
    const double right = truncated_normal(random, 1000, infinity),
                 left = truncated_normal(random, -1001, -1000);
    CHECK((right >= 1000 && right < 1000.1));
    CHECK((left <= -1000 && left > -1000.1));
  }
}

TEST_CASE("no interval is too far away or too narrow to draw from") {
  Random random(3);
  for (const double low : {1e7, 1e9, 1e17, 1e160, 1e300}) {
    for (const double high : {infinity, low + 0.5, 2 * low}) {
      const double x = truncated_normal(random, low, high);
      CHECK((x >= low && x <= high));
      CHECK(truncated_normal(random, -high, -low) <= -low);
    }
  }
}

TEST_CASE("gamma draws have the moments of their distribution") {
  constexpr int draws = 40'000;
  for (const double shape : {0.1, 0.5, 0.99, 1.0, 1.7, 10.0, 500.0, 1e6}) {
    for (const double rate : {0.25, 30.0}) {
      Random random(6);
      CAPTURE(shape, rate);
      double sum = 0, squares = 0, smallest = infinity;
      const double mean = shape / rate, variance = mean / rate;
      for (int k = 0; k < draws; ++k) {
        const double x = random.gamma(shape, rate);
        sum += x - mean;
        squares += (x - mean) * (x - mean);
        smallest = std::min(smallest, x);
      }
      CHECK(smallest >= 0);
      CHECK(std::abs(sum / draws) < 4 * std::sqrt(variance / draws));
      // The variance of the squared distance is (2 + 6 / shape) variance^2.
      CHECK(std::abs(squares / draws - variance) <
            4 * variance * std::sqrt((2 + 6 / shape) / draws));
    }
  }
}

TEST_CASE("random numbers go on where a state was taken, bit for bit") {
  Random random(77);
  // With and without a normal value left over from a pair.
  for (int normals = 0; normals < 4; ++normals) {
    const Random::State state = random.state();
    CHECK(state.has_spare == (normals % 2 == 1));
    Random other(1);
    other.normal();
    other.restore(state);
    Random same = random;
    for (int k = 0; k < 50; ++k) {
      CHECK(other.normal() == same.normal());
      CHECK(other.gamma(0.5, 2) == same.gamma(0.5, 2));
      CHECK(other.bits() == same.bits());
    }
    random.normal();
  }
}
