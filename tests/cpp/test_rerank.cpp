#include "rank/rerank.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// Four items in the plane, best first: B points where A does, C across, D the other way.
constexpr std::uint32_t a = 3, b = 0, c = 2, d = 1;
const std::vector<Scored> pool{{a, 5}, {b, 4.5f}, {c, 4}, {d, 3}};

Matrix plane() {
  Matrix vectors(4, 3);  // the last column is a bias, which has no say
  const auto set = [&](std::uint32_t item, float x, float y) {
    vectors.row(item)[0] = x;
    vectors.row(item)[1] = y;
    vectors.row(item)[2] = 100 * static_cast<float>(item);
  };
  set(a, 2, 0);
  set(b, 1, 0);
  set(c, 0, 5);
  set(d, -3, 0);
  return vectors;
}

Indices order(const Rerank& wanted, std::size_t n = 4, std::span<const float> information = {}) {
  Indices result;
  for (const Scored& scored : rerank(pool, n, wanted, plane(), 2, information)) {
    result.push_back(scored.index);
  }
  return result;
}

}  // namespace

// Scores brought to [0, 1] are 1, 0.75, 0.5 and 0; cosines 1 for A and B, 0 with C, -1 with D.
TEST_CASE("maximal marginal relevance chooses as worked out by hand") {
  // With 1/2: after A, B has 0.375 - 0.5, C 0.25 - 0, D 0 + 0.5. After D, B is still as close to A.
  CHECK(order({0.5, 0}) == Indices{a, d, c, b});
  // With 1/4: after A, B has 0.5625 - 0.25, C 0.375 - 0, D 0 + 0.25. After C, D is at right angles.
  CHECK(order({0.25, 0}) == Indices{a, c, b, d});
  // With 1/8: after A, B has 0.65625 - 0.125, C 0.4375, D 0.125.
  CHECK(order({0.125, 0}) == Indices{a, b, c, d});
  // Directions alone: nothing tells the first one apart, so that it is the best.
  CHECK(order({1, 0}) == Indices{a, d, c, b});
  CHECK(order({0.5, 0}, 2) == Indices{a, d});
}

TEST_CASE("novelty weighs scores against self-information, both brought to one scale") {
  std::vector<float> information(4);
  information[a] = 1;  // brought to 0, 0.25, 0.5 and 1
  information[b] = 2;
  information[c] = 3;
  information[d] = 5;
  CHECK(order({0, 0.25}, 4, information) == Indices{a, b, c, d});
  CHECK(order({0, 0.5}, 4, information) == Indices{a, b, c, d});  // all equal: as they stood
  CHECK(order({0, 0.75}, 4, information) == Indices{d, c, b, a});
  CHECK(order({0, 1}, 1, information) == Indices{d});
  // Relevance 0.25, 0.375, 0.5 and 1 - 0.25, then as before: after D, A and B point away from it.
  CHECK(order({0.5, 0.75}, 4, information) == Indices{d, b, c, a});
}

TEST_CASE("re-ranked items keep their scores, and are no more than there were") {
  const auto list = rerank(pool, 9, {0.5, 0}, plane(), 2, {});
  REQUIRE(list.size() == 4);
  for (const Scored& scored : list) {
    for (const Scored& before : pool) {
      if (before.index == scored.index) CHECK(before.score == scored.score);
    }
  }
  CHECK(rerank({}, 3, {0.5, 0}, plane(), 2, {}).empty());
  CHECK(rerank(pool, 0, {0.5, 0}, plane(), 2, {}).empty());
}

TEST_CASE("without factors, or with vectors of zeros, diversity changes nothing") {
  const auto indices = [](const Matrix& vectors, std::size_t factors) {
    Indices result;
    for (const Scored& scored : rerank(pool, 4, {0.7, 0}, vectors, factors, {})) {
      result.push_back(scored.index);
    }
    return result;
  };
  CHECK(indices(plane(), 0) == Indices{a, b, c, d});
  CHECK(indices(Matrix(4, 2), 2) == Indices{a, b, c, d});
}

TEST_CASE("the more diversity, the further apart the items of a list") {
  const Towers towers = random_model(1, 200, 8, 5).towers();
  std::vector<Scored> best;
  for (std::uint32_t item = 0; item < 100; ++item) {
    best.push_back({item, 5 - 0.01f * static_cast<float>(item)});
  }
  double last = -1;
  for (const double diversity : {0.0, 0.3, 0.6, 0.9}) {
    const auto list = rerank(best, 10, {diversity, 0}, towers.items, 8, {});
    double distance = 0;
    for (const Scored& one : list) {
      for (const Scored& other : list) {
        double inner = 0, squares = 0, other_squares = 0;
        for (std::size_t f = 0; f < 8; ++f) {
          const double x = towers.items.row(one.index)[f], y = towers.items.row(other.index)[f];
          inner += x * y;
          squares += x * x;
          other_squares += y * y;
        }
        distance += 1 - inner / std::sqrt(squares * other_squares);
      }
    }
    CHECK(distance > last);
    last = distance;
  }
}

TEST_CASE("self-information is in bits, and an item nobody met counts as met by one") {
  const Indices counts{8, 4, 1, 0, 9};
  CHECK(self_information(counts, 8) == std::vector<float>{0, 1, 3, 3, 0});
  CHECK(self_information(Indices{0}, 0) == std::vector<float>{0});
}

TEST_CASE("shares outside 0 to 1 are refused") {
  CHECK(error_of([] { validate(Rerank{-0.1, 0}); }) == "OUT_OF_RANGE diversity");
  CHECK(error_of([] { validate(Rerank{0, 1.1}); }) == "OUT_OF_RANGE novelty");
  CHECK(error_of([] { validate(Rerank{std::nan(""), 0}); }) == "NOT_FINITE diversity");
  CHECK(error_of([] { validate(Rerank{1, 1}); }) == "nothing");
}
