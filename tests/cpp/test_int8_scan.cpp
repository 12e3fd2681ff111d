#include "rank/int8_scan.h"

#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "rank/top_k.h"
#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// Towers whose every number is drawn by `draw`, but for the users' last column, which is 1.
template <class Draw>
Towers drawn_towers(std::size_t users, std::size_t items, std::size_t factors, const Draw& draw) {
  Towers towers;
  towers.factors = factors;
  towers.users = Matrix(users, factors + 1);
  towers.items = Matrix(items, factors + 1);
  towers.user_offsets.resize(users);
  for (std::size_t user = 0; user < users; ++user) {
    for (float& x : towers.users.columns_of(user)) x = draw();
    towers.users.row(user)[factors] = 1;
  }
  for (std::size_t item = 0; item < items; ++item) {
    for (float& x : towers.items.columns_of(item)) x = draw();
  }
  return towers;
}

Towers normal_towers(std::size_t items, std::size_t factors, std::uint64_t seed) {
  Random random(seed);
  return drawn_towers(3, items, factors, [&] { return static_cast<float>(random.normal()); });
}

// Bit for bit: sums that overflow make NaN.
bool same(const std::vector<Scored>& a, const std::vector<Scored>& b) {
  return std::ranges::equal(a, b, [](const Scored& x, const Scored& y) {
    return x.index == y.index &&
           std::bit_cast<std::uint32_t>(x.score) == std::bit_cast<std::uint32_t>(y.score);
  });
}

// Every user, n from none to more than there are items.
void check_equals_exact(const Towers& towers) {
  ItemRanker ranker(towers);
  for (std::uint32_t user = 0; user < towers.users.rows(); ++user) {
    for (const std::size_t n : {0u, 1u, 3u, 10u, 100u, 5000u}) {
      CAPTURE(towers.items.rows(), towers.factors, user, n);
      const UserView view = user_view(towers, user);
      CHECK(same(ranker.top(view, n, {}, Scan::int8), ranker.top(view, n, {}, Scan::exact)));
    }
  }
}

}  // namespace

TEST_CASE("an int8 scan gives what the exact one gives, for every size") {
  for (const std::size_t items : {0u, 1u, 15u, 16u, 17u, 300u}) {
    for (const std::size_t factors : {0u, 1u, 2u, 3u, 8u, 33u, 64u}) {
      check_equals_exact(normal_towers(items, factors, items + factors));
    }
  }
  check_equals_exact(normal_towers(70, 1024, 1));
}

TEST_CASE("an int8 scan computes few products exactly, and still loses nothing") {
  check_equals_exact(normal_towers(4000, 32, 5));
}

TEST_CASE("an int8 scan gives equal scores in the order of the items") {
  Random random(2);
  check_equals_exact(drawn_towers(3, 200, 5, [] { return 0.75f; }));
  check_equals_exact(drawn_towers(3, 200, 5, [] { return 0.0f; }));
  check_equals_exact(
      drawn_towers(8, 400, 3, [&] { return static_cast<float>(random.below(3)) - 1; }));
}

TEST_CASE("an int8 scan takes rows with outliers, rows of zeros and huge differences in size") {
  Random random(3);
  const auto normal = [&] { return static_cast<float>(random.normal()); };
  Towers towers = drawn_towers(6, 500, 24, normal);
  for (std::size_t item = 0; item < 500; item += 7) towers.items.row(item)[item % 24] = 1000;
  for (std::size_t item = 3; item < 500; item += 11) {
    std::ranges::fill(towers.items.columns_of(item), 0.0f);
  }
  towers.users.row(1)[4] = 1e6f;
  std::ranges::fill(towers.users.columns_of(2), 0.0f);
  check_equals_exact(towers);

  for (const double spread : {5.0, 30.0}) {
    check_equals_exact(drawn_towers(4, 300, 9, [&] {
      return static_cast<float>(random.normal() *
                                std::pow(10.0, spread * (random.uniform() - 0.5)));
    }));
  }
}

TEST_CASE("an int8 scan takes numbers so small or so large that products leave the floats") {
  Random random(4);
  for (const float size : {1e-44f, 1e-38f, 1e-30f, 1e-20f, 1e18f, 1e30f}) {
    check_equals_exact(
        drawn_towers(3, 100, 6, [&] { return size * static_cast<float>(random.normal()); }));
  }
}

TEST_CASE("an int8 scan takes a query that is not finite as the exact one does") {
  Towers towers = normal_towers(60, 5, 6);
  towers.users.row(0)[2] = std::numeric_limits<float>::infinity();
  ItemRanker ranker(towers);
  const auto view = user_view(towers, 0);
  CHECK(same(ranker.top(view, 10, {}, Scan::int8), ranker.top(view, 10, {}, Scan::exact)));
  towers.users.row(0)[2] = std::numeric_limits<float>::quiet_NaN();
  CHECK(ranker.top(view, 10, {}, Scan::int8).size() == 10);
}

TEST_CASE("large biases decide in an int8 scan as they do in the exact one") {
  Towers towers = normal_towers(500, 8, 7);
  Random random(8);
  for (std::size_t item = 0; item < 500; ++item) {
    towers.items.row(item)[8] = static_cast<float>(100 * random.normal());
  }
  check_equals_exact(towers);
}

TEST_CASE("filters hold in an int8 scan") {
  const Towers towers = normal_towers(300, 12, 9);
  ItemRanker ranker(towers);
  Random random(10);
  const auto some = [&](std::uint32_t count) {
    Indices items(random.below(count));
    for (std::uint32_t& item : items) item = random.below(310);
    return items;
  };
  for (int repeat = 0; repeat < 200; ++repeat) {
    const Indices seen = some(250), exclude = some(30), candidates = some(60);
    ItemFilter filter{seen, exclude, std::nullopt};
    if (random.below(3) == 0) filter.candidates = candidates;
    const UserView view = user_view(towers, random.below(3));
    const std::size_t n = 1 + random.below(40);
    CHECK(same(ranker.top(view, n, filter, Scan::int8), ranker.top(view, n, filter)));
  }
}

TEST_CASE("sums of whole numbers are the same four lanes wide and one by one") {
  Random random(11);
  for (const std::size_t pairs : {0u, 1u, 2u, 5u, 16u, 512u}) {
    std::vector<std::int8_t, Aligned16<std::int8_t>> rows(32 * pairs);
    std::vector<std::int16_t, Aligned16<std::int16_t>> query(8 * pairs);
    for (int repeat = 0; repeat < 20; ++repeat) {
      // The largest numbers that are used, all of one sign, in the last rounds.
      const bool largest = repeat >= 18;
      const int most = pairs < 16 ? 32767 : 16513;
      for (auto& x : rows) {
        x = static_cast<std::int8_t>(largest ? 127 : static_cast<int>(random.below(255)) - 127);
      }
      for (std::size_t pair = 0; pair < pairs; ++pair) {
        for (std::size_t side = 0; side < 2; ++side) {
          const int drawn =
              static_cast<int>(random.below(static_cast<std::uint32_t>(2 * most + 1)));
          const int q = !largest ? drawn - most : repeat == 18 ? most : -most;
          for (std::size_t copy = 0; copy < 4; ++copy) {
            query[8 * pair + 2 * copy + side] = static_cast<std::int16_t>(q);
          }
        }
      }
      alignas(16) std::int32_t wide[16], plain[16];
      simd::group_sums(rows.data(), query.data(), pairs, wide);
      scalar::group_sums(rows.data(), query.data(), pairs, plain);
      CHECK(std::ranges::equal(wide, plain));
      std::int64_t sum = 0;
      for (std::size_t pair = 0; pair < pairs; ++pair) {
        sum += rows[32 * pair + 6] * query[8 * pair] + rows[32 * pair + 7] * query[8 * pair + 1];
      }
      CHECK(plain[3] == sum);
    }
  }
}
