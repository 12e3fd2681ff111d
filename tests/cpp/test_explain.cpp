#include "rank/explain.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <map>
#include <vector>

#include "support.h"
#include "support_fm.h"
#include "train/mf_als.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

bool close(double a, double b, double tolerance = 1e-4) {
  return std::abs(a - b) < tolerance * std::max(1.0, std::abs(b));
}

double sum_of(const Explanation& explanation) {
  double sum = explanation.base;
  for (const float contribution : explanation.contributions) sum += double{contribution};
  return sum;
}

// What of the base is no column's.
double rest_of(const Explanation& explanation) {
  double rest = explanation.base;
  for (const ColumnShare& column : explanation.columns) rest -= double{column.share};
  return rest;
}

// w_j x_j + 1/2 sum over the other columns l of <v_j, v_l> x_j x_l
double share_by_definition(const FactorizationMachine& model, const Entries& row, std::size_t j) {
  const auto [column, x] = row[j];
  double share = double{model.linear[column]} * x;
  for (std::size_t l = 0; l < row.size(); ++l) {
    if (l == j) continue;
    double inner = 0;
    for (std::size_t f = 0; f < model.factors.columns(); ++f) {
      inner += double{model.factors.row(column)[f]} * model.factors.row(row[l].first)[f];
    }
    share += 0.5 * inner * x * row[l].second;
  }
  return share;
}

}  // namespace

TEST_CASE("a user's own ratings explain a score, and the parts sum to it") {
  const SharedData data = shared_data(30, 20, synthetic_ratings(30, 20, 300, 1));
  MfOptions options;
  options.factors = 4;
  options.epochs = 60;
  const auto trainer = make_mf_als(options, data, nullptr, std::nullopt);
  run(*trainer);
  const Towers towers = trainer->model().towers();
  const SeenItems seen(*data);
  FoldIn fold_in(towers);
  for (std::uint32_t user = 0; user < 30; ++user) {
    const OwnRatings own = own_ratings(seen, user, towers);
    CHECK(own.items.size() == data->items_of(user).size());
    for (std::uint32_t item = 0; item < 20; ++item) {
      const ScoreParts folded = fold_in.explain(own.given(), item);
      const float score = towers.score(user, item);
      const Explanation explanation = explain(folded, score);
      CHECK(explanation.score == score);
      CHECK(explanation.contributions.size() == own.items.size());
      CHECK(close(sum_of(explanation), score));
      // Sweeps that have settled leave nothing of the user beside what their ratings say.
      CHECK(close(explanation.base, folded.base, 0.02));
    }
  }
}

TEST_CASE("of an item that was rated twice the last rating explains") {
  const SeenItems seen = SeenItems::joined(SeenItems(interactions(2, 3, {{0, 1, 2}, {0, 2, 3}})),
                                           SeenItems(interactions(2, 3, {{0, 1, 5}})));
  const Towers towers = MatrixFactorization(2, 3, 1).towers();
  const OwnRatings own = own_ratings(seen, 0, towers);
  CHECK(own.items == Indices{1, 2});
  CHECK(own.values == std::vector<float>{5, 3});
  CHECK(own_ratings(seen, 1, towers).items.empty());
}

TEST_CASE("labels of -1 are zeros to a logistic model") {
  MatrixFactorization model(1, 2, 1);
  model.link = Link::logistic;
  model.range = {0, 1};
  const OwnRatings own =
      own_ratings(SeenItems(interactions(1, 2, {{0, 0, -1}, {0, 1, 1}})), 0, model.towers());
  CHECK(own.values == std::vector<float>{0, 1});
}

TEST_CASE("without the ratings of its users a model cannot explain") {
  const Towers towers = MatrixFactorization(2, 3, 1).towers();
  SeenItems seen(interactions(2, 3, {{0, 1}, {1, 2}}));
  seen.values.clear();
  CHECK(error_of([&] { own_ratings(seen, 0, towers); }) == "INVALID_ARGUMENT model");
  CHECK(error_of([&] { own_ratings(SeenItems(), 0, towers); }) == "INVALID_ARGUMENT model");
}

TEST_CASE("columns of a machine have their Shapley values, and ratings what their sets give") {
  const SmallWorld world = small_world(12, 9, 60, 4);
  const FactorizationMachine model = random_machine(world.space(everything), 4, 9);
  const Towers towers = model.towers();
  const ColumnField& set = *model.space.find(user_items_field);
  FoldIn fold_in(towers);
  for (const std::uint32_t user : {0u, 5u, 11u}) {
    for (const std::uint32_t item : {0u, 4u, 8u}) {
      CAPTURE(user, item);
      const SparseRows known = without_identity(model, user);
      UserRow start = average_user(towers);
      add_to(start, row_sums(model, known), 0);
      const OwnRatings own = own_ratings(world.seen, user, towers);
      const ScoreParts folded = fold_in.explain(own.given(), item, start);
      const float score = towers.score(user, item);
      const Explanation explanation = explain(folded, score, model, known.row(0), item, own.items);
      CHECK(close(sum_of(explanation), score));
      // No column has the constant, and what is left of the user beside the ratings.
      CHECK(close(rest_of(explanation), double{model.constant} + score - folded.score, 1e-3));

      Entries row = entries_of(known.row(0));
      const Entries of_item = entries_of(model.space.items->row(item));
      row.insert(row.end(), of_item.begin(), of_item.end());
      std::map<std::uint32_t, double> expected, of_rated;
      for (std::size_t j = 0; j < row.size(); ++j) {
        const std::uint32_t column = row[j].first;
        const bool in_set = column >= set.begin && column < set.begin + set.columns;
        if (in_set) {
          of_rated[column - set.begin] = share_by_definition(model, row, j);
        } else {
          expected[column] = share_by_definition(model, row, j);
        }
      }
      REQUIRE(explanation.columns.size() == expected.size());
      for (const ColumnShare& column : explanation.columns) {
        CHECK(close(column.share, expected.at(column.column)));
      }
      for (std::size_t k = 0; k < own.items.size(); ++k) {
        CHECK(close(explanation.contributions[k],
                    double{folded.contributions[k]} + of_rated.at(own.items[k]), 1e-3));
      }
    }
  }
}

TEST_CASE("a machine without identities is explained by features alone") {
  const SmallWorld world = small_world(12, 9, 60, 4);
  FactorizationMachine model = random_machine(world.space({false, false}), 4, 9);
  model.fold_in.own_parameters = false;
  const Towers towers = model.towers();
  const SparseRows known = without_identity(model, 3);
  CHECK(known.row(0).size() == model.space.users->row(3).size());
  UserRow start = average_user(towers);
  add_to(start, row_sums(model, known), 0);
  const OwnRatings own = own_ratings(world.seen, 3, towers);
  const ScoreParts folded = FoldIn(towers).explain(own.given(), 2, start);
  const Explanation explanation =
      explain(folded, towers.score(3, 2), model, known.row(0), 2, own.items);
  for (const float contribution : explanation.contributions) CHECK(contribution == 0);
  CHECK(close(rest_of(explanation), model.constant));
  CHECK(close(sum_of(explanation), towers.score(3, 2)));
}
