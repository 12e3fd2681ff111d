// New users of models that were trained to rank: the steps that place them against the equations,
// what explains them, and what happens at the edges.
#include "rank/ranking_fold_in.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "support_hybrid.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr std::uint32_t items = 9;

// What one user gave; owns what GivenRatings points to.
struct Given {
  Indices items;
  std::vector<float> values, weights;

  GivenRatings view() const { return {items, values, weights}; }
};

bool of_pairs(RankingLoss loss) {
  return loss != RankingLoss::logistic;
}

// Towers with normal numbers, of which none is special; 4 stars and more are liked.
Towers ranking_towers(RankingLoss loss, std::uint32_t factors = 5) {
  MatrixFactorization model = random_model(3, items, factors, 11);
  model.global_bias = of_pairs(loss) ? 0.0f : 0.3f;
  model.link = of_pairs(loss) ? Link::identity : Link::logistic;
  Towers towers = model.towers();
  towers.range = {0, 1};
  towers.fold_in.user_bias = !of_pairs(loss);
  RankingRule rule;
  rule.loss = loss;
  rule.learning_rate = 0.1f;
  rule.positive_from = 4.0f;
  towers.fold_in.ranking = rule;
  return towers;
}

Given few_given() {
  return {{6, 1, 4, 0}, {5, 1, 4, 2}, {}};
}

FoldedUser folded(const Towers& towers, const Given& given,
                  std::optional<float> regularization = std::nullopt) {
  return FoldIn(towers).fold(given.view(), regularization);
}

double length(const std::vector<float>& vector) {
  double sum = 0;
  for (const float x : vector) sum += double{x} * double{x};
  return std::sqrt(sum);
}

// The header's thirty passes in double: vector, then bias.
std::vector<double> placed(const Towers& towers, const Given& given, const UserRow& start,
                           double alpha) {
  const RankingRule& rule = *towers.fold_in.ranking;
  const std::size_t k = towers.factors, width = k + (of_pairs(rule.loss) ? 0 : 1);
  std::vector<double> move(k + 1), squares(k + 1, 1.0), gradient(k + 1);
  const auto score = [&](std::uint32_t item) {
    const float* q = towers.items.row(item);
    double sum = double{start.offset} + move[k] + double{q[k]};
    for (std::size_t f = 0; f < k; ++f) sum += (double{start.row[f]} + move[f]) * double{q[f]};
    return sum;
  };
  Random random(1);
  const auto count = static_cast<std::uint32_t>(towers.items.rows());
  const auto is_given = [&](std::uint32_t item) {
    return std::ranges::find(given.items, item) != given.items.end();
  };
  for (int pass = 0; pass < 30; ++pass) {
    for (std::size_t r = 0; r < given.items.size(); ++r) {
      const double weight = given.weights.empty() ? 1.0 : double{given.weights[r]};
      const bool liked = rule.likes(given.values[r]);
      const std::uint32_t item = given.items[r];
      const float* q = towers.items.row(item);
      double slope = 0;
      if (weight == 0) continue;
      if (!of_pairs(rule.loss)) {
        slope = weight * (1 / (1 + std::exp(-score(item))) - (liked ? 1 : 0));
        for (std::size_t f = 0; f < k; ++f) gradient[f] = slope * double{q[f]};
        gradient[k] = slope;
      } else {
        if (!liked || given.items.size() == count) continue;
        bool found = false;
        for (std::uint32_t draw = 1; draw <= rule.max_sampled && !found; ++draw) {
          const std::uint32_t other = random.below(count);
          if (is_given(other)) continue;
          const double margin = score(item) - score(other);
          if (rule.loss == RankingLoss::bpr) {
            slope = weight / (1 + std::exp(margin));
          } else {
            if (margin >= 1) continue;
            slope = std::min(10.0, weight * std::log(std::max(1u, (count - 1) / draw)));
          }
          found = true;
          const float* n = towers.items.row(other);
          for (std::size_t f = 0; f < k; ++f) gradient[f] = slope * (double{n[f]} - double{q[f]});
        }
        if (!found) continue;
      }
      double sizes = 0;
      for (std::size_t f = 0; f < width; ++f) {
        const double size = double{rule.learning_rate} / std::sqrt(squares[f]);
        move[f] -= size * gradient[f];
        squares[f] += gradient[f] * gradient[f];
        sizes += size;
      }
      for (double& x : move) x /= 1 + alpha * sizes / static_cast<double>(width);
    }
  }
  for (std::size_t f = 0; f < k; ++f) move[f] += double{start.row[f]};
  return move;
}

UserRow described_start(const Towers& towers) {
  UserRow start = average_user(towers);
  for (std::size_t f = 0; f < towers.factors; ++f) start.row[f] = 0.2f - 0.1f * float(f);
  start.offset += 0.25f;
  return start;
}

}  // namespace

TEST_CASE("a new user is placed by the steps of the loss", "[hybrid]") {
  const Given plain = few_given(), weighted{plain.items, plain.values, {2, 0.5f, 0, 1}};
  for (const RankingLoss loss : all_losses) {
    const Towers towers = ranking_towers(loss);
    for (const Given& given : {plain, weighted}) {
      for (const UserRow& start : {average_user(towers), described_start(towers)}) {
        for (const float alpha : {0.0f, 0.3f}) {
          const FoldedUser user = FoldIn(towers).fold(given.view(), start, alpha);
          const auto expected = placed(towers, given, start, double{alpha});
          double worst = std::abs(expected.back() + double{start.offset} -
                                  double{towers.base_offset} - double{user.bias});
          for (std::size_t f = 0; f < towers.factors; ++f) {
            worst = std::max(worst, std::abs(expected[f] - double{user.vector[f]}));
          }
          CAPTURE(static_cast<int>(loss), given.weights.size(), alpha);
          CHECK(worst < 1e-5);
        }
      }
    }
  }
}

TEST_CASE("the same ratings give the same user, whoever was placed before", "[hybrid]") {
  for (const RankingLoss loss : all_losses) {
    const Towers towers = ranking_towers(loss);
    const FoldedUser first = folded(towers, few_given());
    RankingFoldIn fold_in(towers);
    fold_in.fold(Given{{0, 8, 3, 5, 7}, {5, 5, 1, 4, 5}, {}}.view(), described_start(towers));
    const FoldedUser again = fold_in.fold(few_given().view(), average_user(towers));
    CHECK(first.vector == again.vector);
    CHECK(first.bias == again.bias);
  }
}

TEST_CASE("contributions of ratings and the base sum to the score of whom they place", "[hybrid]") {
  for (const RankingLoss loss : all_losses) {
    const Towers towers = ranking_towers(loss);
    for (const UserRow& start : {average_user(towers), described_start(towers)}) {
      FoldIn fold_in(towers);
      const Given given = few_given();
      const UserRow row = fold_in.fold(given.view(), start).tower_row(towers);
      for (std::uint32_t item = 0; item < items; ++item) {
        const ScoreParts parts = fold_in.explain(given.view(), item, start);
        REQUIRE(parts.contributions.size() == given.items.size());
        const double sum = std::accumulate(parts.contributions.begin(), parts.contributions.end(),
                                           double{parts.base});
        CHECK(std::abs(sum - double{parts.score}) < 1e-5);
        CHECK(std::abs(parts.score - towers.score(row.row.data(), row.offset, item)) < 1e-5f);
        CHECK(parts.base == towers.score(start.row.data(), start.offset, item));
        // Losses of pairs learn nothing from the two dislikes.
        CHECK((parts.contributions[1] == 0 && parts.contributions[3] == 0) == of_pairs(loss));
      }
      // A like speaks for itself, and a dislike against itself where it is learned from.
      CHECK(fold_in.explain(given.view(), 6, start).contributions[0] > 0);
      if (!of_pairs(loss)) CHECK(fold_in.explain(given.view(), 1, start).contributions[1] < 0);
    }
  }
}

TEST_CASE("only the logistic loss gives a new user a bias", "[hybrid]") {
  for (const RankingLoss loss : all_losses) {
    CHECK((folded(ranking_towers(loss), few_given()).bias == 0) == of_pairs(loss));
  }
}

TEST_CASE("who gave nothing that teaches stays where the features say", "[hybrid]") {
  for (const RankingLoss loss : all_losses) {
    const Towers towers = ranking_towers(loss);
    const UserRow start = described_start(towers);
    const std::vector<float> vector(start.row.begin(),
                                    start.row.begin() + std::ptrdiff_t(towers.factors));
    const auto stays = [&](const Given& given) {
      const FoldedUser user = FoldIn(towers).fold(given.view(), start);
      return user.vector == vector && user.bias == start.offset - towers.base_offset;
    };
    CHECK(stays({}));
    CHECK(stays({{2, 5}, {5, 1}, {0, 0}}));
    CHECK(stays({{2, 5}, {1, 3}, {}}) == of_pairs(loss));  // dislikes alone
    Given all;
    for (std::uint32_t item = 0; item < items; ++item) {
      all.items.push_back(item);
      all.values.push_back(5);
    }
    CHECK(stays(all) == of_pairs(loss));  // there is nothing to rank the likes before
  }
}

TEST_CASE("the penalty holds a new user near the start, the model's unless another is given",
          "[hybrid]") {
  for (const RankingLoss loss : all_losses) {
    Towers towers = ranking_towers(loss);
    const auto reach = [&](std::optional<float> alpha) {
      return length(folded(towers, few_given(), alpha).vector);
    };
    CHECK(reach(0) > reach(0.5f));
    CHECK(reach(0.5f) > reach(10));
    CHECK(reach(1e6f) < 1e-3);
    CHECK(reach(std::nullopt) == reach(0));
    towers.fold_in.ranking->regularization = 0.5f;
    CHECK(reach(std::nullopt) == reach(0.5f));
  }
}

TEST_CASE("nobody moves where users have no parameters of their own", "[hybrid]") {
  for (const RankingLoss loss : all_losses) {
    Towers towers = ranking_towers(loss);
    towers.fold_in.own_parameters = false;
    const UserRow start = described_start(towers);
    FoldIn fold_in(towers);
    const FoldedUser user = fold_in.fold(few_given().view(), start);
    CHECK(std::equal(user.vector.begin(), user.vector.end(), start.row.begin()));
    const ScoreParts parts = fold_in.explain(few_given().view(), 2, start);
    CHECK(parts.score == parts.base);
    CHECK(std::ranges::all_of(parts.contributions, [](float x) { return x == 0; }));
  }
}

TEST_CASE("catalogues of one item and of two are no trouble", "[hybrid]") {
  for (const RankingLoss loss : all_losses) {
    for (const std::uint32_t count : {1u, 2u}) {
      Towers towers = ranking_towers(loss);
      Matrix few(count, towers.items.columns());
      for (std::uint32_t item = 0; item < count; ++item) {
        std::ranges::copy(towers.items.columns_of(item), few.row(item));
      }
      towers.items = few;
      const FoldedUser user = folded(towers, {{0}, {5}, {}});
      CHECK(std::isfinite(length(user.vector)));
      // With one other item the rank is 1 and the weight of WARP log 1.
      const bool moves = loss == RankingLoss::logistic || (count == 2 && loss == RankingLoss::bpr);
      CHECK((length(user.vector) > 0) == moves);
    }
  }
}

TEST_CASE("ratings that place nobody are refused, and the next ones are not", "[hybrid]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(),
                  infinity = std::numeric_limits<float>::infinity(),
                  most = std::numeric_limits<float>::max();
  for (const RankingLoss loss : all_losses) {
    const Towers towers = ranking_towers(loss);
    FoldIn fold_in(towers);
    const FoldedUser before = fold_in.fold(few_given().view());
    const auto refused = [&](const Given& given,
                             std::optional<float> regularization = std::nullopt) {
      const std::string error = error_of([&] { fold_in.fold(given.view(), regularization); });
      CHECK(error_of([&] { fold_in.explain(given.view(), 0, regularization); }) == error);
      return error;
    };
    CHECK(refused({{1, 2}, {5}, {}}) == "SIZE_MISMATCH ratings");
    CHECK(refused({{1, 2}, {5, 4}, {1}}) == "SIZE_MISMATCH weights");
    CHECK(refused({{1, items}, {5, 4}, {}}) == "OUT_OF_RANGE ratings");
    CHECK(refused({{1, 1}, {5, 4}, {}}) == "DUPLICATE ratings");
    CHECK(refused({{1, 2}, {5, nan}, {}}) == "NOT_FINITE ratings");
    CHECK(refused({{1, 2}, {5, infinity}, {}}) == "NOT_FINITE ratings");
    CHECK(refused({{1, 2}, {5, 4}, {1, -1}}) == "OUT_OF_RANGE weights");
    CHECK(refused({{1, 2}, {5, 4}, {1, nan}}) == "NOT_FINITE weights");
    CHECK(refused(few_given(), -1.0f) == "OUT_OF_RANGE regularization");
    CHECK(refused(few_given(), nan) == "NOT_FINITE regularization");
    CHECK(error_of([&] { fold_in.explain(few_given().view(), items); }) == "OUT_OF_RANGE item");
    // Stars are no probabilities, whatever the link: what is liked is said by the rule.
    CHECK(refused({{1, 2}, {-3, 500}, {}}) == "nothing");
    // The largest weight there is either teaches or is refused; never gives what is no number.
    const Given heavy{{6, 1}, {5, 1}, {most, most}};
    const std::string outcome = refused(heavy);
    CHECK((outcome == "nothing" || outcome == "OUT_OF_RANGE ratings"));
    if (outcome == "nothing") CHECK(finite(fold_in.fold(heavy.view()).vector));
    CHECK(fold_in.fold(few_given().view()).vector == before.vector);
  }
}
