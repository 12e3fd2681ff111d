#include "train/mf_als.h"

#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

MatrixFactorization trained(const MfOptions& options, const SharedData& data,
                            std::optional<MatrixFactorization> start = std::nullopt) {
  const auto trainer = make_mf_als(options, data, nullptr, std::move(start));
  run(*trainer);
  return trainer->model();
}

MfOptions ordinary_options() {
  MfOptions options = plain_options();
  options.factors = 5;
  options.epochs = 6;
  options.user_regularization = 0.3f;
  options.item_regularization = 0.2f;
  options.bias_regularization = 0.1f;
  options.frequency_scaling = 0.5f;
  return options;
}

// With fractions as weights, among them zeros, and a user and an item without any rating.
SharedData weighted_data() {
  auto ratings = synthetic_ratings(29, 19, 250, 5);
  for (std::size_t k = 0; k < ratings.size(); ++k)
    ratings[k].weight = static_cast<float>(k % 5) / 2;
  return shared_data(30, 20, ratings);
}

double squared_norm(std::span<const float> row) {
  double sum = 0;
  for (const float x : row) sum += double{x} * x;
  return sum;
}

// The objective of mf_als.h, in double.
double objective(const MfOptions& options, const MatrixFactorization& model,
                 const Interactions& data) {
  double sum = 0;
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      const double error = data.value_at(p) - predict(model, user, data.item_at(p));
      sum += data.weight_at(p) * error * error;
    }
    const double n = std::pow(data.items_of(user).size(), options.frequency_scaling);
    sum += n * (options.user_regularization * squared_norm(model.user_factors.columns_of(user)) +
                options.bias_regularization * std::pow(model.user_biases[user], 2));
  }
  const auto counts = data.item_counts();
  for (std::uint32_t item = 0; item < data.items(); ++item) {
    const double n = std::pow(counts[item], options.frequency_scaling);
    sum += n * (options.item_regularization * squared_norm(model.item_factors.columns_of(item)) +
                options.bias_regularization * std::pow(model.item_biases[item], 2));
  }
  return sum;
}

// Half the gradient of the objective in the item's factors and bias.
std::vector<double> item_gradient(const MfOptions& options, const MatrixFactorization& model,
                                  const Interactions& data, std::uint32_t item) {
  std::vector<double> gradient(model.factors() + 1);
  const double n = std::pow(data.item_counts()[item], options.frequency_scaling);
  for (std::size_t f = 0; f < model.factors(); ++f) {
    gradient[f] = n * options.item_regularization * model.item_factors.columns_of(item)[f];
  }
  gradient.back() = n * options.bias_regularization * model.item_biases[item];
  const ByItem by_item(data);
  for (std::uint32_t k = by_item.offsets[item]; k < by_item.offsets[item + 1]; ++k) {
    const std::uint32_t user = by_item.users[k], p = by_item.positions[k];
    const double error = data.weight_at(p) * (data.value_at(p) - predict(model, user, item));
    for (std::size_t f = 0; f < model.factors(); ++f) {
      gradient[f] -= error * model.user_factors.columns_of(user)[f];
    }
    gradient.back() -= error;
  }
  return gradient;
}

}  // namespace

TEST_CASE("the ALS objective never rises from half step to half step") {
  for (const SharedData& data :
       {shared_data(30, 20, synthetic_ratings(30, 20, 250, 5)), weighted_data()}) {
    MfOptions options = ordinary_options();
    options.epochs = 1;
    MatrixFactorization model = random_model(30, 20, 5, 4);
    const double first = objective(options, model, *data);
    for (int sweep = 0; sweep < 15; ++sweep) {
      const MatrixFactorization next = trained(options, data, model);
      MatrixFactorization half = next;  // the users of this sweep with the items of the last
      half.item_factors = model.item_factors;
      half.item_biases = model.item_biases;
      const double before = objective(options, model, *data);
      const double between = objective(options, half, *data);
      const double after = objective(options, next, *data);
      CHECK(between < before * (1 + 1e-6));
      CHECK(after < between * (1 + 1e-6));
      model = next;
    }
    CHECK(objective(options, model, *data) < 0.7 * first);
  }
}

TEST_CASE("after a sweep every item stands at its minimum, whatever the weights") {
  for (const float scaling : {0.0f, 0.5f, 1.0f}) {
    MfOptions options = ordinary_options();
    options.frequency_scaling = scaling;
    const auto data = weighted_data();
    const auto model = trained(options, data);
    for (std::uint32_t item = 0; item < data->items(); ++item) {
      for (const double component : item_gradient(options, model, *data, item)) {
        CHECK(std::abs(component) < 1e-4);
      }
    }
  }
}

TEST_CASE("the users of a sweep solve a dense ridge regression on the items before it") {
  const auto data = weighted_data();
  MfOptions options = ordinary_options();
  options.epochs = 1;
  const MatrixFactorization start = random_model(30, 20, 5, 4);
  const MatrixFactorization model = trained(options, data, start);
  for (std::uint32_t user = 0; user < data->users(); ++user) {
    const double n = std::pow(data->items_of(user).size(), options.frequency_scaling);
    Eigen::MatrixXd a = Eigen::MatrixXd::Identity(6, 6) * (n * options.user_regularization);
    a(5, 5) = n * options.bias_regularization;
    Eigen::VectorXd b = Eigen::VectorXd::Zero(6);
    for (std::uint32_t p = data->user_begin(user); p < data->user_end(user); ++p) {
      const std::uint32_t item = data->item_at(p);
      Eigen::VectorXd z = Eigen::VectorXd::Ones(6);
      for (Eigen::Index f = 0; f < 5; ++f) {
        z[f] = start.item_factors.columns_of(item)[static_cast<std::size_t>(f)];
      }
      a += data->weight_at(p) * z * z.transpose();
      b += data->weight_at(p) * (data->value_at(p) - start.global_bias - start.item_biases[item]) *
           z;
    }
    if (data->items_of(user).empty()) continue;
    const Eigen::VectorXd solution = a.ldlt().solve(b);
    for (Eigen::Index f = 0; f < 5; ++f) {
      CHECK(std::abs(model.user_factors.columns_of(user)[static_cast<std::size_t>(f)] -
                     solution[f]) < 1e-4);
    }
    CHECK(std::abs(model.user_biases[user] - solution[5]) < 1e-4);
  }
}

TEST_CASE("one user of weight two pulls like two users with the same ratings") {
  MfOptions options = ordinary_options();
  options.frequency_scaling = 0;
  options.user_bias = options.item_bias = false;
  options.factors = 1;
  options.epochs = 400;
  const auto twice = shared_data(1, 2, {{0, 0, 4, 2}, {0, 1, 2, 2}});
  const auto copies = shared_data(2, 2, {{0, 0, 4}, {0, 1, 2}, {1, 0, 4}, {1, 1, 2}});
  options.user_regularization = 0.6f;  // one user at twice the penalty of each of the two
  const auto one = trained(options, twice);
  options.user_regularization = 0.3f;
  const auto two = trained(options, copies);
  for (std::uint32_t item = 0; item < 2; ++item) {
    CHECK(std::abs(predict(one, 0, item) - predict(two, 0, item)) < 1e-3);
    CHECK(std::abs(predict(two, 1, item) - predict(two, 0, item)) < 1e-3);
  }
}

TEST_CASE("users and items without ratings stay zero") {
  const auto model = trained(ordinary_options(), weighted_data());
  CHECK(squared_norm(model.user_factors.columns_of(29)) == 0);
  CHECK(squared_norm(model.item_factors.columns_of(19)) == 0);
  CHECK(model.user_biases[29] == 0);
  CHECK(model.item_biases[19] == 0);
}

TEST_CASE("more factors than ratings and no regularization stay finite") {
  for (const std::uint32_t factors : {8u, 64u, 200u}) {
    MfOptions options = plain_options();
    options.factors = factors;
    options.epochs = 5;
    options.user_regularization = options.item_regularization = options.bias_regularization = 0;
    const auto data = shared_data(6, 6, synthetic_ratings(5, 5, 12, 9));
    const auto model = trained(options, data);
    REQUIRE(model.all_finite());
    CHECK(root_mean_squared_error(model, *data) < 0.05);
    for (const float x : parameters(model)) CHECK(std::abs(x) < 1000);
  }
}

TEST_CASE("ALS recovers a matrix of low rank") {
  Random random(2);
  std::vector<Rating> ratings;
  std::vector<double> p(7 * 2), q(6 * 2);
  for (double& x : p) x = random.normal();
  for (double& x : q) x = random.normal();
  for (std::uint32_t user = 0; user < 7; ++user) {
    for (std::uint32_t item = 0; item < 6; ++item) {
      ratings.push_back(
          {user, item,
           static_cast<float>(p[2 * user] * q[2 * item] + p[2 * user + 1] * q[2 * item + 1])});
    }
  }
  MfOptions options = plain_options();
  options.factors = 2;
  options.epochs = 50;
  options.global_bias = options.user_bias = options.item_bias = false;
  options.user_regularization = options.item_regularization = 0;
  const auto data = shared_data(7, 6, ratings);
  CHECK(root_mean_squared_error(trained(options, data), *data) < 1e-3);
}

TEST_CASE("ALS biases can be switched off one by one") {
  const auto data = weighted_data();
  for (int switches = 0; switches < 8; ++switches) {
    MfOptions options = ordinary_options();
    options.global_bias = (switches & 1) != 0;
    options.user_bias = (switches & 2) != 0;
    options.item_bias = (switches & 4) != 0;
    const auto model = trained(options, data);
    const auto any = [](const std::vector<float>& values) {
      return std::ranges::any_of(values, [](float x) { return x != 0; });
    };
    CHECK((model.global_bias != 0) == options.global_bias);
    CHECK(any(model.user_biases) == options.user_bias);
    CHECK(any(model.item_biases) == options.item_bias);
  }
}

TEST_CASE("without factors ALS fits the biases alone") {
  MfOptions options = plain_options();
  options.factors = 0;
  options.epochs = 30;
  options.bias_regularization = 0;
  const auto data = shared_data(2, 2, {{0, 0, 1}, {0, 1, 2}, {1, 0, 3}, {1, 1, 4}});
  CHECK(root_mean_squared_error(trained(options, data), *data) < 1e-4);
}

TEST_CASE("ALS refuses what SGD refuses") {
  MfOptions options = plain_options();
  options.factors = 2000;
  CHECK(error_of([&] { make_mf_als(options, weighted_data(), nullptr); }) ==
        "OUT_OF_RANGE factors");
  CHECK(error_of([] {
          make_mf_als({}, shared(Interactions::from_coordinates(1, 1, {})), nullptr);
        }) == "EMPTY data");
}

TEST_CASE("ALS stops early and keeps the best epoch") {
  const Interactions all = interactions(60, 50, synthetic_ratings(60, 50, 700, 8));
  auto [train, test] = split_at(all, random_test(all, 0.25, 1));
  MfOptions options = plain_options();
  options.factors = 10;
  options.epochs = 300;
  options.patience = 3;
  options.user_regularization = options.item_regularization = options.bias_regularization = 0.01f;
  const auto trainer = make_mf_als(options, shared(std::move(train)), shared(std::move(test)));
  const auto epochs = run(*trainer);
  REQUIRE(trainer->stopped_early());
  CHECK(epochs.size() == trainer->best_epoch() + 3);
  CHECK(epochs[trainer->best_epoch() - 1].best);
}

TEST_CASE("ALS predicts MovieLens u1 no worse than cmfrec") {
  // cmfrec 3.5, explicit ALS, k = 50, u1: RMSE 0.934.
  const auto [train, test] = movielens_fold(1);
  MfOptions options = plain_options();
  options.factors = 50;
  options.epochs = 10;
  options.user_regularization = options.item_regularization = 1.2f;
  options.bias_regularization = 0.12f;
  options.frequency_scaling = 0.5f;
  CHECK(root_mean_squared_error(trained(options, train), *test) < 0.934);
}
