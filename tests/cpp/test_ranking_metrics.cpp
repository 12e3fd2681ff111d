#include "rank/ranking_metrics.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

#include "rank/rerank.h"
#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

bool close(double a, double b) {
  return std::abs(a - b) < 1e-6;
}

// Four users and six items in the plane; what is expected of them was computed in Python, straight
// from the definitions.
struct Plane {
  Plane() {
    MatrixFactorization model(4, 6, 2);
    const float of_users[4][2] = {{1, 0}, {0, 1}, {1, 2}, {-1, 1}};
    const float of_items[6][2] = {{1, 0}, {2, 1}, {0, 2}, {-1, 1}, {3, -1}, {0, 0}};
    for (std::size_t user = 0; user < 4; ++user) {
      std::ranges::copy(of_users[user], model.user_factors.row(user));
    }
    for (std::size_t item = 0; item < 6; ++item) {
      std::ranges::copy(of_items[item], model.item_factors.row(item));
    }
    towers = model.towers();
  }

  Towers towers;
  Interactions train = interactions(4, 6, {{0, 0}, {1, 2}, {2, 1}, {2, 4}, {3, 3}});
  Interactions test = interactions(4, 6, {{0, 4}, {0, 2}, {1, 3}, {2, 2}, {3, 0}, {3, 1}});
};

}  // namespace

TEST_CASE("lists have the novelty, diversity, concentration and coverage of the definitions") {
  const Plane plane;
  const std::uint32_t ks[] = {3, 2};
  const auto information = self_information(Indices{3, 1, 2, 2, 4, 1}, 8);
  const auto metrics =
      ranking_metrics(plane.towers, plane.test, &plane.train, {ks, 0, true, information});
  CHECK(close(metrics.at[1].novelty, 2.1768796874));
  CHECK(close(metrics.at[1].diversity, 0.9022802462));
  CHECK(close(metrics.at[1].gini, 0.1666666667));
  CHECK(close(metrics.at[1].coverage, 1));
  CHECK(close(metrics.at[0].novelty, 2.0204260415));
  CHECK(close(metrics.at[0].diversity, 0.9409012288));
  CHECK(close(metrics.at[0].gini, 0.2222222222));
  CHECK(close(metrics.mrr, 0.7083333333));
  CHECK(close(metrics.auc, 0.6875));
}

TEST_CASE("a cut-off beyond the items takes all of them, and the same list twice is as one") {
  const Plane plane;
  const std::uint32_t ks[] = {100, 6, 100};
  const auto information = self_information(Indices{3, 1, 2, 2, 4, 1}, 8);
  const auto at = ranking_metrics(plane.towers, plane.test, nullptr, {ks, 0, true, information}).at;
  CHECK(at[0].gini == 0);  // everybody is shown everything
  CHECK(at[0].coverage == 1);
  for (const std::size_t j : {1u, 2u}) {
    CHECK(at[j].novelty == at[0].novelty);
    CHECK(at[j].diversity == at[0].diversity);
    CHECK(at[j].gini == at[0].gini);
  }
}

TEST_CASE("one item shown to everybody is as concentrated as can be") {
  MatrixFactorization model(5, 4, 1);
  model.item_biases = {0, 3, 1, 2};
  const std::uint32_t ks[] = {1, 3};
  const Interactions test = interactions(5, 4, {{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}});
  const auto at = ranking_metrics(model.towers(), test, nullptr, {ks}).at;
  CHECK(close(at[0].gini, 3.0 / 4));
  CHECK(close(at[0].coverage, 1.0 / 4));
  CHECK(at[0].diversity == 0);  // no list has two items
  CHECK(at[0].novelty == 0);    // nothing is known of popularity
  // Shown 0, 5, 5 and 5 times.
  CHECK(close(at[1].gini, 1.0 / 4));
  // Without directions all items are at a distance of 1.
  CHECK(close(at[1].diversity, 1));
}

TEST_CASE("lists that nobody asked for are not made") {
  const Plane plane;
  const std::uint32_t ks[] = {2};
  const auto with = ranking_metrics(plane.towers, plane.test, &plane.train, {ks, 0, true});
  const auto without = ranking_metrics(plane.towers, plane.test, &plane.train, {ks, 0, false});
  CHECK(without.at[0].coverage == 0);
  CHECK(without.at[0].ndcg == with.at[0].ndcg);
  CHECK(without.auc == with.auc);
}

TEST_CASE("against all items a user has not met, sampled negatives are no sample") {
  const Plane plane;
  const std::uint32_t ks[] = {2};
  for (const std::uint32_t count : {4u, 100u}) {
    const auto metrics = ranking_metrics(plane.towers, plane.test, &plane.train,
                                         {ks, 0, false, {}, SampledNegatives{count, 7}});
    CHECK(metrics.users == 4);
    CHECK(close(metrics.mrr, 0.625));
    CHECK(close(metrics.auc, 0.6875));
    CHECK(close(metrics.at[0].ndcg, 0.5327324384));
    CHECK(close(metrics.at[0].hit_rate, 0.625));
    // With one relevant item at a time.
    CHECK(close(metrics.at[0].recall, metrics.at[0].hit_rate));
    CHECK(close(metrics.at[0].precision, metrics.at[0].hit_rate / 2));
  }
}

TEST_CASE("sampled negatives are a function of the seed, and right on average") {
  const Towers towers = random_model(30, 60, 4, 2).towers();
  const Interactions data = interactions(30, 60, synthetic_ratings(30, 60, 500, 3));
  const auto [train, test] = split_at(data, random_test(data, 0.3, 1));
  const std::uint32_t ks[] = {5};
  const auto measured = [&](std::uint32_t count, std::uint64_t seed) {
    return ranking_metrics(towers, test, &train, {ks, 3, false, {}, SampledNegatives{count, seed}});
  };
  CHECK(measured(10, 1).mrr == measured(10, 1).mrr);
  CHECK(measured(10, 1).mrr != measured(10, 2).mrr);
  const double exact = measured(1000, 1).auc;
  double mean = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) mean += measured(10, seed).auc / 40;
  CHECK(std::abs(mean - exact) < 0.01);
  // Fewer to stand behind: what Krichene and Rendle warn of.
  CHECK(measured(10, 1).at[0].hit_rate > measured(1000, 1).at[0].hit_rate);
}

TEST_CASE("a draw takes every item that was not met equally often") {
  // Item k is scored k; the relevant one stands among them, so that its rank tells who was drawn.
  MatrixFactorization model(1, 12, 0);
  for (std::size_t item = 0; item < 12; ++item) {
    model.item_biases[item] = static_cast<float>(item);
  }
  const Towers towers = model.towers();
  const Interactions train = interactions(1, 12, {{0, 11}});
  const Interactions test = interactions(1, 12, {{0, 5, 5}, {0, 10, 1}});
  double ahead = 0;
  constexpr int rounds = 2000;
  for (std::uint64_t seed = 0; seed < rounds; ++seed) {
    const auto metrics =
        ranking_metrics(towers, test, &train, {{}, 4, false, {}, SampledNegatives{1, seed}});
    ahead += 1 - metrics.auc;
  }
  // Of the nine items 0 to 4 and 6 to 9, four are ahead.
  CHECK(std::abs(ahead / rounds - 4.0 / 9) < 0.04);
}

TEST_CASE("equal scores count against the relevant item among sampled negatives too") {
  const Towers towers = MatrixFactorization(3, 20, 2).towers();
  const Interactions test = interactions(3, 25, {{0, 3}, {1, 4}, {2, 24}});
  const std::uint32_t ks[] = {5};
  const auto metrics =
      ranking_metrics(towers, test, nullptr, {ks, 0, false, {}, SampledNegatives{9, 1}});
  CHECK(metrics.users == 3);
  CHECK(metrics.auc == 0);
  CHECK(close(metrics.mrr, (0.1 + 0.1 + 0) / 3));  // the third is not known to the model
  CHECK(metrics.at[0].hit_rate == 0);
}

TEST_CASE("no negatives at all are refused") {
  const Plane plane;
  CHECK(error_of([&] {
          ranking_metrics(plane.towers, plane.test, nullptr,
                          {{}, 0, false, {}, SampledNegatives{0, 1}});
        }) == "OUT_OF_RANGE negatives");
}
