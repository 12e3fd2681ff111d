#include "rank/fold_in.h"

#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "support.h"
#include "train/mf_als.h"
#include "train/mf_sgd.h"
#include "train/svd.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// What one user gave; owns what GivenRatings points to.
struct Given {
  Indices items;
  std::vector<float> values, weights;

  GivenRatings view() const { return {items, values, weights}; }
};

Given given_by(const Interactions& data, std::uint32_t user) {
  Given given;
  for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
    given.items.push_back(data.item_at(p));
    given.values.push_back(data.value_at(p));
    if (data.has_weights()) given.weights.push_back(data.weight_at(p));
  }
  return given;
}

Given random_given(std::size_t count, std::uint32_t items, Random& random, bool weighted) {
  Given given;
  Indices order(items);
  for (std::uint32_t item = 0; item < items; ++item) order[item] = item;
  random.shuffle(order);
  given.items.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t k = 0; k < count; ++k) {
    given.values.push_back(static_cast<float>(1 + random.below(5)));
    if (weighted) given.weights.push_back(static_cast<float>(random.below(5)) / 2);
  }
  return given;
}

float weight_of(const Given& given, std::size_t k) {
  return given.weights.empty() ? 1.0f : given.weights[k];
}

// [item factors, 1 for the bias] and the score without the user.
Eigen::VectorXd with_one(const Towers& towers, std::uint32_t item) {
  const auto k = static_cast<Eigen::Index>(towers.factors);
  Eigen::VectorXd z = Eigen::VectorXd::Ones(k + (towers.fold_in.user_bias ? 1 : 0));
  for (Eigen::Index f = 0; f < k; ++f) z[f] = towers.items.row(item)[f];
  return z;
}

double average_score(const Towers& towers, std::uint32_t item) {
  return double{towers.base_offset} + towers.items.row(item)[towers.factors];
}

Eigen::VectorXd penalties(const Towers& towers, std::size_t count) {
  const double n = std::pow(count, towers.fold_in.frequency_scaling);
  const auto k = static_cast<Eigen::Index>(towers.factors);
  Eigen::VectorXd result = Eigen::VectorXd::Constant(k + (towers.fold_in.user_bias ? 1 : 0),
                                                     n * towers.fold_in.regularization);
  if (towers.fold_in.user_bias) result[k] = n * towers.fold_in.bias_regularization;
  return result;
}

Eigen::VectorXd solution_of(const FoldedUser& user, bool with_bias) {
  Eigen::VectorXd x(static_cast<Eigen::Index>(user.vector.size() + (with_bias ? 1 : 0)));
  for (std::size_t f = 0; f < user.vector.size(); ++f)
    x[static_cast<Eigen::Index>(f)] = user.vector[f];
  if (with_bias) x[x.size() - 1] = user.bias;
  return x;
}

double largest(const Eigen::VectorXd& x) {
  return x.size() == 0 ? 0 : x.cwiseAbs().maxCoeff();
}

Towers logistic_towers(std::uint64_t seed) {
  MatrixFactorization model = random_model(3, 40, 6, seed);
  model.link = Link::logistic;
  model.global_bias = 0.4f;
  return model.towers();
}

// The gradient of the penalised cross-entropy in the folded user's parameters.
Eigen::VectorXd logistic_gradient(const Towers& towers, const Given& given,
                                  const FoldedUser& user) {
  const Eigen::VectorXd x = solution_of(user, towers.fold_in.user_bias);
  Eigen::VectorXd gradient = penalties(towers, given.items.size()).cwiseProduct(x);
  for (std::size_t k = 0; k < given.items.size(); ++k) {
    const Eigen::VectorXd z = with_one(towers, given.items[k]);
    const double s = average_score(towers, given.items[k]) + z.dot(x);
    const double target =
        (given.values[k] - double{towers.range.low}) / (towers.range.high - towers.range.low);
    gradient += weight_of(given, k) * (1 / (1 + std::exp(-s)) - target) * z;
  }
  return gradient;
}

SharedData ratings_for_training() {
  return shared_data(40, 30, synthetic_ratings(40, 30, 500, 12));
}

MatrixFactorization decomposed(Fill fill, const SharedData& data) {
  SvdOptions options;
  options.fill = fill;
  options.fill_value = 2;
  options.factors = 5;
  options.power_iterations = 30;
  const auto trainer = make_svd(options, data);
  run(*trainer);
  return trainer->model();
}

}  // namespace

TEST_CASE("folding in is a dense ridge regression") {
  Random random(5);
  for (const bool user_bias : {true, false}) {
    MatrixFactorization model = random_model(3, 40, 6, 2);
    model.fold_in.user_bias = user_bias;
    const Towers towers = model.towers();
    FoldIn fold_in(towers);
    for (std::size_t count = 1; count <= 40; count += 3) {
      const Given given = random_given(count, 40, random, count % 2 == 0);
      Eigen::MatrixXd a = penalties(towers, count).asDiagonal();
      Eigen::VectorXd b = Eigen::VectorXd::Zero(a.rows());
      for (std::size_t k = 0; k < count; ++k) {
        const Eigen::VectorXd z = with_one(towers, given.items[k]);
        a += weight_of(given, k) * z * z.transpose();
        b += weight_of(given, k) * (given.values[k] - average_score(towers, given.items[k])) * z;
      }
      const FoldedUser user = fold_in.fold(given.view());
      CHECK(largest(solution_of(user, user_bias) - a.ldlt().solve(b)) < 1e-4);
      if (!user_bias) CHECK(user.bias == 0);
    }
  }
}

TEST_CASE("folding in a user's ratings is that user's half step of ALS") {
  const auto data = ratings_for_training();
  MfOptions options = plain_options();
  options.factors = 4;
  options.epochs = 5;
  options.user_regularization = 0.2f;
  options.frequency_scaling = 0.7f;
  const auto trainer = make_mf_als(options, data, nullptr);
  run(*trainer);
  options.epochs = 1;
  const auto next = make_mf_als(options, data, nullptr, trainer->model());
  run(*next);  // its users are solved on the items of the model before
  const Towers towers = trainer->model().towers();
  FoldIn fold_in(towers);
  for (std::uint32_t user = 0; user < data->users(); ++user) {
    const FoldedUser folded = fold_in.fold(given_by(*data, user).view());
    const auto row = next->model().user_factors.columns_of(user);
    for (std::size_t f = 0; f < 4; ++f) CHECK(std::abs(folded.vector[f] - row[f]) < 1e-4f);
    CHECK(std::abs(folded.bias - next->model().user_biases[user]) < 1e-4f);
  }
}

TEST_CASE("folding an existing user's ratings into an SVD gives the user's vector back") {
  const auto data = ratings_for_training();
  for (const Fill fill : {Fill::constant, Fill::global_mean, Fill::user_mean, Fill::item_mean}) {
    const MatrixFactorization model = decomposed(fill, data);
    const Towers towers = model.towers();
    FoldIn fold_in(towers);
    for (std::uint32_t user = 0; user < data->users(); ++user) {
      const FoldedUser folded = fold_in.fold(given_by(*data, user).view());
      CAPTURE(static_cast<int>(fill), user);
      for (std::size_t f = 0; f < 5; ++f) {
        CHECK(std::abs(folded.vector[f] - model.user_factors.columns_of(user)[f]) < 2e-3f);
      }
      CHECK(folded.bias == 0);
    }
  }
}

TEST_CASE("folding into an SVD with spare factors stays finite and projects as well") {
  std::vector<Rating> ratings;  // of rank one
  for (std::uint32_t k = 0; k < 30; ++k) {
    ratings.push_back({k / 6, k % 6, static_cast<float>((1 + k / 6) * (1 + k % 6))});
  }
  const auto data = shared_data(5, 6, ratings);
  const MatrixFactorization model = decomposed(Fill::item_mean, data);
  const Towers towers = model.towers();
  FoldIn fold_in(towers);
  const FoldedUser folded = fold_in.fold(given_by(*data, 3).view());
  CHECK(std::abs(folded.vector[0] - model.user_factors.row(3)[0]) < 1e-3f);
  for (std::size_t f = 1; f < folded.vector.size(); ++f) CHECK(folded.vector[f] == 0);
}

TEST_CASE("with the logistic link folding in minimises the penalised cross-entropy") {
  Random random(8);
  for (int repeat = 0; repeat < 100; ++repeat) {
    const Towers towers = logistic_towers(static_cast<std::uint64_t>(repeat));
    FoldIn fold_in(towers);
    const Given given = random_given(1 + random.below(40), 40, random, repeat % 2 == 0);
    const FoldedUser user = fold_in.fold(given.view());
    CHECK(largest(logistic_gradient(towers, given, user)) < 1e-3);
  }
}

TEST_CASE(
    "the logistic minimum is found for one-sided ratings, weak penalties and strong weights") {
  Random random(9);
  for (const float lambda : {0.1f, 0.01f, 0.001f}) {
    for (const float value : {1.0f, 5.0f}) {
      for (const float weight : {1.0f, 10.0f}) {
        MatrixFactorization model = random_model(3, 40, 6, 4);
        model.link = Link::logistic;
        model.global_bias = value == 1 ? 4.0f : -4.0f;  // far from where it has to go
        model.fold_in.regularization = model.fold_in.bias_regularization = lambda;
        model.fold_in.frequency_scaling = 0;
        const Towers towers = model.towers();
        Given given = random_given(20, 40, random, false);
        given.values.assign(20, value);
        given.weights.assign(20, weight);
        FoldIn fold_in(towers);
        const FoldedUser user = fold_in.fold(given.view());
        CAPTURE(lambda, value, weight, user.bias);
        CHECK(largest(logistic_gradient(towers, given, user)) < 0.01 * weight);
        CHECK(largest(solution_of(user, true)) < 100);
      }
    }
  }
}

TEST_CASE("without ratings a new user is the average user") {
  for (const Link link : {Link::identity, Link::logistic}) {
    MatrixFactorization model = random_model(3, 10, 4, 2);
    model.link = link;
    const Towers towers = model.towers();
    FoldIn fold_in(towers);
    const FoldedUser user = fold_in.fold({});
    CHECK(user.bias == 0);
    CHECK(user.vector == std::vector<float>(4));
    CHECK(fold_in.explain({}, 3).score == towers.score(99, 3));
  }
}

TEST_CASE("a regularization given at fold-in replaces the model's") {
  MatrixFactorization model = random_model(3, 40, 6, 2);
  const Towers towers = model.towers();
  model.fold_in.regularization = model.fold_in.bias_regularization = 7;
  const Towers strict = model.towers();
  Random random(1);
  const Given given = random_given(12, 40, random, false);
  FoldIn fold_in(towers), strict_fold_in(strict);
  const FoldedUser a = fold_in.fold(given.view(), 7.0f), b = strict_fold_in.fold(given.view());
  CHECK(a.vector == b.vector);
  CHECK(a.bias == b.bias);
  CHECK(a.vector != fold_in.fold(given.view()).vector);
}

TEST_CASE("a weight of zero is as if the rating were not there") {
  MatrixFactorization model = random_model(3, 40, 6, 2);
  model.fold_in.frequency_scaling = 0;
  const Towers towers = model.towers();
  FoldIn fold_in(towers);
  const Given full{{1, 2, 3}, {5, 1, 4}, {1, 0, 1}}, part{{1, 3}, {5, 4}, {}};
  const FoldedUser a = fold_in.fold(full.view()), b = fold_in.fold(part.view());
  CHECK(largest(solution_of(a, true) - solution_of(b, true)) < 1e-6);
}

TEST_CASE("no penalty and fewer ratings than factors still give a finite user that fits") {
  MatrixFactorization model = random_model(3, 40, 16, 2);
  model.fold_in.regularization = model.fold_in.bias_regularization = 0;
  const Towers towers = model.towers();
  FoldIn fold_in(towers);
  const Given given{{4, 7}, {5, 1}, {}};
  const FoldedUser user = fold_in.fold(given.view());
  for (std::size_t k = 0; k < 2; ++k) {
    const double fitted = average_score(towers, given.items[k]) +
                          with_one(towers, given.items[k]).dot(solution_of(user, true));
    CHECK(std::abs(fitted - given.values[k]) < 0.01);
  }
}

TEST_CASE("one object folds in many users, each as if it were the first") {
  const Towers towers = logistic_towers(3);
  FoldIn often(towers);
  Random random(6);
  for (int repeat = 0; repeat < 10; ++repeat) {
    const Given given = random_given(1 + random.below(20), 40, random, repeat % 2 == 0);
    FoldIn once(towers);
    CHECK(often.fold(given.view()).vector == once.fold(given.view()).vector);
  }
}

TEST_CASE("a folded-in user ranks as a row of the user tower") {
  const Towers towers = random_model(3, 40, 6, 2).towers();
  FoldIn fold_in(towers);
  const Given given{{4, 7, 9}, {5, 1, 4}, {}};
  const FoldedUser user = fold_in.fold(given.view());
  const AlignedFloats row = user.tower_row(towers).row;
  REQUIRE(row.size() == towers.users.stride());
  CHECK(row[6] == 1);
  for (std::uint32_t item = 0; item < 40; ++item) {
    const double expected =
        average_score(towers, item) + with_one(towers, item).dot(solution_of(user, true));
    CHECK(std::abs(towers.score(row.data(), towers.base_offset + user.bias, item) - expected) <
          1e-5);
  }
}

TEST_CASE(
    "an explanation adds up to the score, and its base is what the model says without ratings") {
  Random random(10);
  const auto data = ratings_for_training();
  const Towers several[] = {random_model(3, 30, 6, 2).towers(), logistic_towers(5),
                            decomposed(Fill::item_mean, data).towers(),
                            decomposed(Fill::constant, data).towers()};
  for (const Towers& towers : several) {
    FoldIn fold_in(towers);
    const FoldedUser nobody = fold_in.fold({});
    for (int repeat = 0; repeat < 10; ++repeat) {
      const Given given = random_given(1 + random.below(25), 30, random, false);
      const FoldedUser user = fold_in.fold(given.view());
      const std::uint32_t item = random.below(30);
      const ScoreParts parts = fold_in.explain(given.view(), item);
      const auto score_for = [&](const FoldedUser& whom) {
        const UserRow row = whom.tower_row(towers);
        return towers.score(row.row.data(), row.offset, item);
      };
      REQUIRE(parts.contributions.size() == given.items.size());
      double sum = parts.base;
      for (const float contribution : parts.contributions) sum += contribution;
      CHECK(std::abs(sum - parts.score) < 1e-4);
      CHECK(std::abs(parts.score - score_for(user)) < 1e-4);
      CHECK(std::abs(parts.base - score_for(nobody)) < 1e-3);
    }
  }
}

TEST_CASE("a contribution is the rating's residual times its influence") {
  const Towers towers = random_model(3, 40, 6, 2).towers();
  Random random(11);
  const Given given = random_given(15, 40, random, true);
  FoldIn fold_in(towers);
  const ScoreParts parts = fold_in.explain(given.view(), 8);
  Eigen::MatrixXd a = penalties(towers, 15).asDiagonal();
  for (std::size_t k = 0; k < 15; ++k) {
    const Eigen::VectorXd z = with_one(towers, given.items[k]);
    a += weight_of(given, k) * z * z.transpose();
  }
  const Eigen::VectorXd influence = a.ldlt().solve(with_one(towers, 8));
  for (std::size_t k = 0; k < 15; ++k) {
    const double residual = given.values[k] - average_score(towers, given.items[k]);
    const double expected =
        weight_of(given, k) * residual * with_one(towers, given.items[k]).dot(influence);
    CHECK(std::abs(parts.contributions[k] - expected) < 1e-4);
  }
}

TEST_CASE("ratings that cannot be folded in are refused, and the next fold works") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const Link link : {Link::identity, Link::logistic}) {
    MatrixFactorization model = random_model(3, 10, 4, 2);
    model.link = link;
    const Towers towers = model.towers();
    FoldIn fold_in(towers);
    const Given good{{1, 2}, {5, 4}, {}};
    const FoldedUser before = fold_in.fold(good.view());
    const auto refused = [&](Given given, std::optional<float> regularization = std::nullopt) {
      const std::string folded = error_of([&] { fold_in.fold(given.view(), regularization); });
      CHECK(error_of([&] { fold_in.explain(given.view(), 0, regularization); }) == folded);
      return folded;
    };
    CHECK(refused({{1, 2}, {5}, {}}) == "SIZE_MISMATCH ratings");
    CHECK(refused({{1, 2}, {5, 4}, {1}}) == "SIZE_MISMATCH weights");
    CHECK(refused({{1, 10}, {5, 4}, {}}) == "OUT_OF_RANGE ratings");
    CHECK(refused({{1, 1}, {5, 4}, {}}) == "DUPLICATE ratings");
    CHECK(refused({{1, 2}, {5, nan}, {}}) == "NOT_FINITE ratings");
    CHECK(refused({{1, 2}, {5, -infinity}, {}}) == "NOT_FINITE ratings");
    CHECK(refused({{1, 2}, {5, 4}, {1, -1}}) == "OUT_OF_RANGE weights");
    CHECK(refused({{1, 2}, {5, 4}, {1, nan}}) == "NOT_FINITE weights");
    CHECK(refused({{1, 2}, {5, 4}, {1, infinity}}) == "NOT_FINITE weights");
    CHECK(refused(good, -1.0f) == "OUT_OF_RANGE regularization");
    CHECK(refused(good, nan) == "NOT_FINITE regularization");
    CHECK(refused({{1, 2}, {5, 6}, {}}) ==
          (link == Link::logistic ? "OUT_OF_RANGE ratings" : "nothing"));
    CHECK(error_of([&] { fold_in.explain(good.view(), 10); }) == "OUT_OF_RANGE item");
    CHECK(fold_in.fold(good.view()).vector == before.vector);
  }
}
