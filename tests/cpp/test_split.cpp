#include "data/split.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <fstream>
#include <limits>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// Entry k was given in row k, at this time.
Interactions at_times(std::uint32_t users, const Indices& user_list,
                      const std::vector<double>& times) {
  Indices items(user_list.size());
  std::iota(items.begin(), items.end(), 0u);
  return Interactions::from_coordinates(users, static_cast<std::uint32_t>(items.size()),
                                        {user_list, items, {}, {}, times});
}

Indices rows_of(const Interactions& data, const Positions& positions) {
  Indices rows;
  for (const std::uint32_t position : positions) rows.push_back(data.source_row_at(position));
  std::ranges::sort(rows);
  return rows;
}

bool ascending_without_repeats(const Positions& positions) {
  return std::ranges::adjacent_find(positions, std::greater_equal<>()) == positions.end();
}

std::uint32_t rounded_share(std::uint32_t size, double fraction) {
  return static_cast<std::uint32_t>(std::lround(fraction * size));
}

using Pairs = std::set<std::pair<std::uint32_t, std::uint32_t>>;

Pairs pairs_in(const Interactions& data) {
  Pairs pairs;
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    for (const std::uint32_t item : data.items_of(user)) pairs.emplace(user, item);
  }
  return pairs;
}

Pairs pairs_in_file(const std::string& name) {
  Pairs pairs;
  std::ifstream file(movielens_file(name));
  std::uint32_t user = 0, item = 0;
  double value = 0, time = 0;
  while (file >> user >> item >> value >> time) pairs.emplace(user - 1, item - 1);
  return pairs;
}

}  // namespace

TEST_CASE("a random split takes the asked share, rounded to the nearest") {
  const Interactions data = interactions(20, 20, synthetic_ratings(20, 20, 137, 1));
  for (const double fraction : {0.0, 0.001, 0.2, 0.5, 0.77, 1.0}) {
    const Positions test = random_test(data, fraction, 1);
    CHECK(test.size() == rounded_share(137, fraction));
    CHECK(ascending_without_repeats(test));
    CHECK((test.empty() || test.back() < data.size()));
  }
}

TEST_CASE("training and test part are disjoint and together the whole") {
  const Interactions data = interactions(20, 20, synthetic_ratings(20, 20, 137, 1));
  const auto [train, test] = split_at(data, random_test(data, 0.3, 7));
  CHECK(train.users() == data.users());
  CHECK(test.items() == data.items());
  Pairs both = pairs_in(train);
  both.merge(pairs_in(test));
  CHECK(train.size() + test.size() == data.size());
  CHECK(both == pairs_in(data));
}

TEST_CASE("the same seed draws the same split, another seed another") {
  const Interactions data = interactions(20, 20, synthetic_ratings(20, 20, 137, 1));
  CHECK(random_test(data, 0.3, 1) == random_test(data, 0.3, 1));
  CHECK(random_test(data, 0.3, 1) != random_test(data, 0.3, 2));
  CHECK(user_random_test(data, 0.3, 1) == user_random_test(data, 0.3, 1));
  CHECK(user_random_test(data, 0.3, 1) != user_random_test(data, 0.3, 2));
}

TEST_CASE("every interaction is equally likely to be drawn") {
  const Interactions data = interactions(4, 5, synthetic_ratings(4, 5, 20, 1));
  std::vector<int> drawn(data.size());
  constexpr int seeds = 4000;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    for (const std::uint32_t position : random_test(data, 0.25, seed)) ++drawn[position];
  }
  for (const int times : drawn) CHECK(std::abs(times - seeds / 4) < 140);  // 5 standard errors
}

TEST_CASE("a split by user takes a share of each user's and leaves everybody one") {
  const Interactions data = interactions(40, 30, synthetic_ratings(40, 30, 300, 2));
  for (const double fraction : {0.0, 0.2, 0.5, 0.9, 1.0}) {
    const Positions test = user_random_test(data, fraction, 3);
    CHECK(ascending_without_repeats(test));
    const auto split = split_at(data, test);
    for (std::uint32_t user = 0; user < data.users(); ++user) {
      const auto size = static_cast<std::uint32_t>(data.items_of(user).size());
      const auto expected = size == 0 ? 0 : std::min(rounded_share(size, fraction), size - 1);
      CHECK(split.test.items_of(user).size() == expected);
    }
  }
}

TEST_CASE("folds do not overlap, are everything together, and of one size") {
  const Interactions data = interactions(20, 15, synthetic_ratings(20, 15, 103, 5));
  using Make = Positions (*)(const Interactions&, Fold, std::uint64_t);
  for (const Make make : {Make{fold_test}, Make{user_fold_test}}) {
    std::vector<int> held(data.size());
    for (std::uint32_t fold = 0; fold < 4; ++fold) {
      const Positions positions = make(data, {4, fold}, 9);
      CHECK(ascending_without_repeats(positions));
      CHECK((positions.size() == 25 || positions.size() == 26));
      for (const std::uint32_t position : positions) ++held[position];
      CHECK(positions == make(data, {4, fold}, 9));
      CHECK(positions != make(data, {4, fold}, 10));
    }
    CHECK(std::ranges::all_of(held, [](int times) { return times == 1; }));
  }
}

TEST_CASE("folds within users take alike of everybody, and leave everybody something") {
  const Interactions data = at_times(4, {0, 0, 0, 0, 0, 0, 1, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  std::vector<int> held(3);
  for (std::uint32_t fold = 0; fold < 3; ++fold) {
    std::vector<int> taken(4);
    for (const std::uint32_t row : rows_of(data, user_fold_test(data, {3, fold}, 2))) {
      ++taken[row < 6 ? 0 : row < 7 ? 1 : 2];
    }
    CHECK(taken[0] == 2);
    CHECK(taken[1] == 0);  // the only one
    CHECK(taken[2] <= 1);
    held[fold] = taken[2];
  }
  CHECK(held[0] + held[1] + held[2] == 2);
}

TEST_CASE("folds of plain rows are those of interactions, and a fold that is none is refused") {
  const Interactions data = interactions(20, 15, synthetic_ratings(20, 15, 103, 5));
  CHECK(fold_rows(103, {5, 3}, 6) == fold_test(data, {5, 3}, 6));
  CHECK(fold_rows(0, {5, 3}, 6).empty());
  CHECK(error_of([] { fold_rows(9, {1, 0}, 1); }) == "OUT_OF_RANGE folds");
  CHECK(error_of([] { fold_rows(9, {5, 5}, 1); }) == "OUT_OF_RANGE fold");
  CHECK(error_of([&] { user_fold_test(data, {0, 0}, 1); }) == "OUT_OF_RANGE folds");
}

TEST_CASE("leaving the last out takes each user's latest") {
  const Interactions data = at_times(3, {0, 1, 0, 0, 2, 1}, {50, 10, 30, 40, 1, 20});
  CHECK(rows_of(data, leave_last_out_test(data, 1)) == Indices{0, 5});
  CHECK(rows_of(data, leave_last_out_test(data, 2)) == Indices{0, 3});
  CHECK(leave_last_out_test(data, 0).empty());
}

TEST_CASE("users with no more than the count stay in training whole") {
  const Interactions data = at_times(2, {0, 0, 1}, {1, 2, 3});
  CHECK(rows_of(data, leave_last_out_test(data, 1)) == Indices{1});
  CHECK(leave_last_out_test(data, 2).empty());
  CHECK(leave_last_out_test(data, 0xffffffff).empty());
}

TEST_CASE("where times are equal the later row is the later interaction") {
  const Interactions data = at_times(2, {0, 0, 0, 1, 1, 1}, {7, 7, 7, 9, 8, 9});
  CHECK(rows_of(data, leave_last_out_test(data, 1)) == Indices{2, 5});
  CHECK(rows_of(data, leave_last_out_test(data, 2)) == Indices{1, 2, 3, 5});
  CHECK(rows_of(data, time_test(data, 0.5)) == Indices{3, 4, 5});
  CHECK(rows_of(data, time_test(data, 4.0 / 6)) == Indices{2, 3, 4, 5});
}

TEST_CASE("a split by time puts nothing into training that is later than the test") {
  const Interactions data = at_times(3, {0, 1, 2, 0, 1, 2, 0, 1}, {8, 1, 7, 3, 6, 2, 5, 4});
  const auto [train, test] = split_at(data, time_test(data, 0.4));
  CHECK(test.size() == 3);
  double latest_train = 0, earliest_test = std::numeric_limits<double>::infinity();
  for (std::uint32_t p = 0; p < train.size(); ++p)
    latest_train = std::max(latest_train, train.timestamp_at(p));
  for (std::uint32_t p = 0; p < test.size(); ++p)
    earliest_test = std::min(earliest_test, test.timestamp_at(p));
  CHECK(latest_train == 5);
  CHECK(earliest_test == 6);
  CHECK(time_test(data, 0).empty());
  CHECK(time_test(data, 1).size() == data.size());
}

TEST_CASE("splits by time need timestamps") {
  const Interactions data = interactions(2, 2, {{0, 0}, {0, 1}, {1, 1}});
  CHECK(error_of([&] { time_test(data, 0.5); }) == "INVALID_ARGUMENT timestamps");
  CHECK(error_of([&] { leave_last_out_test(data, 1); }) == "INVALID_ARGUMENT timestamps");
}

TEST_CASE("a fraction outside 0 to 1 is refused") {
  const Interactions data = at_times(1, {0, 0}, {1, 2});
  const auto refused = [&](double fraction, const std::string& expected) {
    CHECK(error_of([&] { random_test(data, fraction, 1); }) == expected);
    CHECK(error_of([&] { user_random_test(data, fraction, 1); }) == expected);
    CHECK(error_of([&] { time_test(data, fraction); }) == expected);
  };
  refused(-0.01, "OUT_OF_RANGE testFraction");
  refused(1.01, "OUT_OF_RANGE testFraction");
  refused(std::nan(""), "NOT_FINITE testFraction");
  refused(std::numeric_limits<double>::infinity(), "NOT_FINITE testFraction");
}

TEST_CASE("no interactions split into nothing and nothing") {
  const Interactions none = Interactions::from_coordinates(3, 3, {});
  CHECK(random_test(none, 0.5, 1).empty());
  CHECK(user_random_test(none, 0.5, 1).empty());
  CHECK(time_test(none, 0.5).empty());
  CHECK(leave_last_out_test(none, 1).empty());
  CHECK(split_at(none, {}).train.size() == 0);
}

TEST_CASE(
    "chosen rows are the test set, whatever their order, and dropped duplicates are passed over") {
  const Indices users{1, 0, 1, 0}, items{0, 0, 0, 1};
  const Interactions data = Interactions::from_coordinates(2, 2, {users, items, {}, {}, {}});
  CHECK(data.size() == 3);  // row 2 replaced row 0
  CHECK(rows_of(data, rows_test(data, Indices{3, 2, 3})) == Indices{2, 3});
  CHECK(rows_test(data, Indices{0}).empty());
  CHECK(rows_test(data, {}).empty());
  CHECK(error_of([&] { rows_test(data, Indices{0, 4}); }) == "OUT_OF_RANGE testRows");
}

TEST_CASE("rows still mean the caller's rows in a subset") {
  const Interactions data = at_times(2, {1, 0, 1, 0}, {1, 2, 3, 4});
  const Interactions part = data.subset(rows_test(data, Indices{0, 2, 3}));
  CHECK(rows_of(part, rows_test(part, Indices{0, 1, 3})) == Indices{0, 3});
}

TEST_CASE("MovieLens splits u1 to u5 are the fifths of u.data") {
  for (std::uint32_t fold = 1; fold <= 5; ++fold) {
    const auto [train, test] = movielens_fold(fold);
    CHECK(train->size() == 80'000);
    CHECK(test->size() == 20'000);
    const std::string name = joined({"u", fold});
    CHECK(pairs_in(*test) == pairs_in_file(name + ".test"));
    if (fold == 1) CHECK(pairs_in(*train) == pairs_in_file(name + ".base"));
  }
}

TEST_CASE("MovieLens splits ua and ub are each user's first ten rows and the ten after them") {
  const Interactions& data = movielens();
  Indices position_of_row(data.size()), user_of_row(data.size());
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      user_of_row[data.source_row_at(p)] = user;
    }
  }
  Indices rows_ua, rows_ub, met(data.users());
  for (std::uint32_t row = 0; row < data.size(); ++row) {
    const std::uint32_t nth = met[user_of_row[row]]++;
    if (nth < 10) rows_ua.push_back(row);
    if (nth >= 10 && nth < 20) rows_ub.push_back(row);
  }
  CHECK(pairs_in(data.subset(rows_test(data, rows_ua))) == pairs_in_file("ua.test"));
  CHECK(pairs_in(data.subset(rows_test(data, rows_ub))) == pairs_in_file("ub.test"));
}
