#include "rank/metrics.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

#include "rank/ranking_metrics.h"
#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

RankingMetrics ranking_metrics(const Towers& towers, const Interactions& test,
                               const Interactions* train, std::span<const std::uint32_t> ks,
                               float relevant_from) {
  return featherfm::ranking_metrics(towers, test, train, {ks, relevant_from});
}

bool close(double a, double b) {
  return std::abs(a - b) < 1e-6;
}

// Scores are given item by item, the same for every user.
Towers with_item_scores(std::size_t users, const std::vector<float>& scores) {
  MatrixFactorization model(users, scores.size(), 0);
  model.item_biases = scores;
  return model.towers();
}

// Scores from -4 to 4 in whole numbers: full of ties.
Towers with_ties(std::size_t users, std::size_t items, std::uint64_t seed) {
  MatrixFactorization model(users, items, 2);
  Random random(seed);
  for (std::size_t user = 0; user < users; ++user) {
    for (float& x : model.user_factors.columns_of(user))
      x = static_cast<float>(random.below(3)) - 1;
  }
  for (std::size_t item = 0; item < items; ++item) {
    for (float& x : model.item_factors.columns_of(item))
      x = static_cast<float>(random.below(5)) - 2;
  }
  return model.towers();
}

// The definitions of metrics.h, by sorting whole lists.
RankingMetrics brute_force(const Towers& towers, const Interactions& test,
                           const Interactions* train, const std::vector<std::uint32_t>& ks,
                           float relevant_from) {
  RankingMetrics result;
  result.at.resize(ks.size());
  std::vector<std::set<std::uint32_t>> shown(ks.size());
  double users_with_pairs = 0;
  const auto items = static_cast<std::uint32_t>(towers.items.rows());
  for (std::uint32_t user = 0; user < test.users() && user < towers.users.rows(); ++user) {
    std::set<std::uint32_t> relevant, trained;
    for (std::uint32_t p = test.user_begin(user); p < test.user_end(user); ++p) {
      if (test.value_at(p) >= relevant_from) relevant.insert(test.item_at(p));
    }
    if (relevant.empty()) continue;
    ++result.users;
    if (train != nullptr && user < train->users()) {
      trained.insert(train->items_of(user).begin(), train->items_of(user).end());
    }
    Indices ranked;
    for (std::uint32_t item = 0; item < items; ++item) {
      if (!trained.contains(item)) ranked.push_back(item);
    }
    const auto score = [&](std::uint32_t item) { return towers.score(user, item); };
    Indices by_index = ranked;  // what is shown: ties by index
    std::ranges::stable_sort(by_index, std::greater<>(), score);
    std::ranges::stable_sort(ranked, [&](std::uint32_t a, std::uint32_t b) {
      if (score(a) != score(b)) return score(a) > score(b);
      return !relevant.contains(a) && relevant.contains(b);
    });

    double in_order = 0, pairs = 0;
    for (const std::uint32_t good : ranked) {
      for (const std::uint32_t other : ranked) {
        if (!relevant.contains(good) || relevant.contains(other)) continue;
        ++pairs;
        if (score(good) > score(other)) ++in_order;
      }
    }
    if (pairs > 0) {
      ++users_with_pairs;
      result.auc += in_order / pairs;
    }

    for (std::size_t j = 0; j < ks.size(); ++j) {
      const std::uint32_t k = ks[j];
      double hits = 0, gain = 0, best_gain = 0, precisions = 0, first = 0;
      for (std::uint32_t rank = 1; rank <= k; ++rank) {
        if (rank <= relevant.size()) best_gain += 1 / std::log2(rank + 1);
        if (rank > ranked.size()) continue;
        shown[j].insert(by_index[rank - 1]);
        if (!relevant.contains(ranked[rank - 1])) continue;
        ++hits;
        if (first == 0) first = rank;
        gain += 1 / std::log2(rank + 1);
        precisions += hits / rank;
      }
      const auto all = static_cast<double>(relevant.size());
      result.at[j].precision += hits / k;
      result.at[j].recall += hits / all;
      result.at[j].ndcg += gain / best_gain;
      result.at[j].map += precisions / std::min<double>(k, all);
      result.at[j].mrr += first > 0 ? 1 / first : 0;
      result.at[j].hit_rate += first > 0 ? 1 : 0;
    }
  }
  if (users_with_pairs > 0) result.auc /= users_with_pairs;
  for (std::size_t j = 0; j < ks.size() && result.users > 0; ++j) {
    RankingAtK& at = result.at[j];
    for (double* sum : {&at.precision, &at.recall, &at.ndcg, &at.map, &at.mrr, &at.hit_rate}) {
      *sum /= result.users;
    }
    at.coverage = static_cast<double>(shown[j].size()) / items;
  }
  return result;
}

void check_equal(const RankingMetrics& actual, const RankingMetrics& expected) {
  CHECK(actual.users == expected.users);
  CHECK(close(actual.auc, expected.auc));
  REQUIRE(actual.at.size() == expected.at.size());
  for (std::size_t j = 0; j < actual.at.size(); ++j) {
    CHECK(close(actual.at[j].precision, expected.at[j].precision));
    CHECK(close(actual.at[j].recall, expected.at[j].recall));
    CHECK(close(actual.at[j].ndcg, expected.at[j].ndcg));
    CHECK(close(actual.at[j].map, expected.at[j].map));
    CHECK(close(actual.at[j].mrr, expected.at[j].mrr));
    CHECK(close(actual.at[j].hit_rate, expected.at[j].hit_rate));
    CHECK(close(actual.at[j].coverage, expected.at[j].coverage));
  }
}

}  // namespace

TEST_CASE("ranking metrics equal a brute-force computation, ties and strangers included") {
  const std::vector<std::uint32_t> ks{1, 3, 10, 100};
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    // The model knows 25 of the 28 users and 30 of the 33 items of the data.
    const Towers towers = with_ties(25, 30, seed);
    const Interactions data = interactions(28, 33, synthetic_ratings(28, 33, 300, seed));
    const auto [train, test] = split_at(data, random_test(data, 0.4, seed));
    for (const float relevant_from : {0.0f, 3.0f, 4.0f, 6.0f}) {
      CAPTURE(seed, relevant_from);
      check_equal(ranking_metrics(towers, test, &train, ks, relevant_from),
                  brute_force(towers, test, &train, ks, relevant_from));
      check_equal(ranking_metrics(towers, test, nullptr, ks, relevant_from),
                  brute_force(towers, test, nullptr, ks, relevant_from));
    }
  }
}

TEST_CASE("a small ranking has the metrics computed by hand") {
  // Ranking: 0, 1, 2, 3, 4, 5. Relevant: 1, 3, and 9, which the model does not know.
  const Towers towers = with_item_scores(1, {6, 5, 4, 3, 2, 1});
  const Interactions test = interactions(1, 10, {{0, 1, 5}, {0, 3, 4}, {0, 9, 5}, {0, 4, 1}});
  const std::uint32_t ks[] = {2, 4};
  const auto metrics = ranking_metrics(towers, test, nullptr, ks, 4);
  CHECK(metrics.users == 1);
  CHECK(close(metrics.at[0].precision, 1.0 / 2));
  CHECK(close(metrics.at[0].recall, 1.0 / 3));
  CHECK(close(metrics.at[0].mrr, 1.0 / 2));
  CHECK(close(metrics.at[0].hit_rate, 1));
  CHECK(close(metrics.at[0].map, (1.0 / 2) / 2));
  CHECK(close(metrics.at[0].ndcg, (1 / std::log2(3)) / (1 + 1 / std::log2(3))));
  CHECK(close(metrics.at[0].coverage, 2.0 / 6));
  CHECK(close(metrics.at[1].precision, 2.0 / 4));
  CHECK(close(metrics.at[1].recall, 2.0 / 3));
  CHECK(close(metrics.at[1].map, (1.0 / 2 + 2.0 / 4) / 3));
  CHECK(close(metrics.at[1].ndcg,
              (1 / std::log2(3) + 1 / std::log2(5)) / (1 + 1 / std::log2(3) + 1 / std::log2(4))));
  // Of 2 x 4 pairs of relevant and other, 1 stands before 2, 4, 5 and 3 before 4, 5.
  CHECK(close(metrics.auc, 5.0 / 8));
}

TEST_CASE("a model that scores all items alike has precision 0 and AUC 0") {
  const Towers towers = with_item_scores(3, std::vector<float>(20, 2.5f));
  const Interactions test = interactions(3, 20, {{0, 0}, {1, 3}, {1, 4}, {2, 19}});
  const std::uint32_t ks[] = {1, 5, 17};
  const auto metrics = ranking_metrics(towers, test, nullptr, ks, 0);
  CHECK(metrics.auc == 0);
  for (const RankingAtK& at : metrics.at) {
    CHECK(at.precision == 0);
    CHECK(at.recall == 0);
    CHECK(at.ndcg == 0);
    CHECK(at.map == 0);
    CHECK(at.mrr == 0);
    CHECK(at.hit_rate == 0);
  }
}

TEST_CASE("a perfect ranking has every metric at its best") {
  const Towers towers = with_item_scores(2, {9, 8, 7, 1, 0});
  const Interactions test = interactions(2, 5, {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}});
  const std::uint32_t ks[] = {3};
  const auto metrics = ranking_metrics(towers, test, nullptr, ks, 1);
  CHECK(metrics.auc == 1);
  CHECK(close(metrics.at[0].precision, 1));
  CHECK(close(metrics.at[0].recall, 1));
  CHECK(close(metrics.at[0].ndcg, 1));
  CHECK(close(metrics.at[0].map, 1));
  CHECK(close(metrics.at[0].mrr, 1));
}

TEST_CASE("what a user has in training does not stand in the way") {
  const Towers towers = with_item_scores(1, {9, 8, 7, 6});
  const Interactions train = interactions(1, 4, {{0, 0}, {0, 1}});
  const Interactions test = interactions(1, 4, {{0, 2}});
  const std::uint32_t ks[] = {1};
  CHECK(ranking_metrics(towers, test, nullptr, ks, 0).at[0].precision == 0);
  CHECK(ranking_metrics(towers, test, &train, ks, 0).at[0].precision == 1);
  CHECK(ranking_metrics(towers, test, &train, ks, 0).auc == 1);
}

TEST_CASE("users without a relevant item, or unknown to the model, are not counted") {
  const Towers towers = with_item_scores(2, {3, 2, 1});
  const Interactions test = interactions(4, 3, {{0, 0, 5}, {1, 1, 2}, {3, 0, 5}});
  const std::uint32_t ks[] = {1};
  const auto metrics = ranking_metrics(towers, test, nullptr, ks, 4);
  CHECK(metrics.users == 1);
  CHECK(metrics.at[0].precision == 1);
}

TEST_CASE("nothing to evaluate gives zeros") {
  const Towers towers = with_item_scores(2, {3, 2, 1});
  const Interactions none = Interactions::from_coordinates(2, 3, {});
  const std::uint32_t ks[] = {5};
  const auto metrics = ranking_metrics(towers, none, nullptr, ks, 4);
  CHECK(metrics.users == 0);
  CHECK(metrics.auc == 0);
  CHECK(metrics.at[0].precision == 0);
  CHECK(metrics.at[0].coverage == 0);
  CHECK(ranking_metrics(towers, none, nullptr, {}, 4).at.empty());
  CHECK(rating_errors(towers, none).rmse == 0);
}

TEST_CASE("a cut-off of zero is refused") {
  const Towers towers = with_item_scores(1, {1});
  const std::uint32_t ks[] = {1, 0};
  const Interactions test = interactions(1, 1, {{0, 0}});
  CHECK(error_of([&] { ranking_metrics(towers, test, nullptr, ks, 0); }) == "OUT_OF_RANGE k");
}

TEST_CASE("rating errors equal a computation in double, with clipping, weights and strangers") {
  const MatrixFactorization model = random_model(25, 30, 4, 3);
  auto ratings = synthetic_ratings(28, 33, 400, 4);
  for (std::size_t k = 0; k < ratings.size(); ++k) ratings[k].weight = static_cast<float>(k % 3);
  const Interactions test = interactions(28, 33, ratings);
  for (const Link link : {Link::identity, Link::logistic}) {
    MatrixFactorization linked = model;
    linked.link = link;
    linked.global_bias = link == Link::identity ? 3.25f : 0.25f;
    double squared = 0, absolute = 0, rounded = 0, weights = 0;
    for (const Rating& rating : ratings) {
      double score = linked.global_bias;
      if (rating.user < 25) score += linked.user_biases[rating.user];
      if (rating.item < 30) score += linked.item_biases[rating.item];
      if (rating.user < 25 && rating.item < 30) score = predict(linked, rating.user, rating.item);
      const double value =
          link == Link::identity ? std::clamp(score, 1.0, 5.0) : 1 + 4 / (1 + std::exp(-score));
      squared += rating.weight * (value - rating.value) * (value - rating.value);
      absolute += rating.weight * std::abs(value - rating.value);
      rounded += rating.weight * std::abs(std::floor(value + 0.5) - rating.value);
      weights += rating.weight;
    }
    const RatingErrors errors = rating_errors(linked.towers(), test);
    CHECK(std::abs(errors.rmse - std::sqrt(squared / weights)) < 1e-5);
    CHECK(std::abs(errors.mae - absolute / weights) < 1e-5);
    CHECK(std::abs(errors.mae_rounded - rounded / weights) < 1e-5);
  }
}

TEST_CASE("rating errors of a small example are those computed by hand") {
  MatrixFactorization model(2, 2, 0);
  model.range = {1, 5};
  model.global_bias = 3;
  model.user_biases = {0.5f, 3};
  const Interactions test = interactions(2, 2, {{0, 0, 3}, {1, 1, 4}});
  // Predicted 3.5, which rounds up to 4, and 6, which is clipped to 5.
  const RatingErrors errors = rating_errors(model.towers(), test);
  CHECK(close(errors.mae, (0.5 + 1) / 2));
  CHECK(close(errors.rmse, std::sqrt((0.25 + 1) / 2)));
  CHECK(close(errors.mae_rounded, 1));
}
