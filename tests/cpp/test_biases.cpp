#include "train/biases.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "rank/fold_in.h"
#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

MatrixFactorization trained(const BiasesOptions& options, const SharedData& data) {
  const auto trainer = make_biases(options, data, nullptr);
  run(*trainer);
  return trainer->model();
}

}  // namespace

TEST_CASE("one sweep of biases is the shrunk mean of what is left") {
  // mu = 3; item 0: residuals 1, 2; item 1: -1, -2.
  const auto data = shared_data(2, 2, {{0, 0, 4}, {0, 1, 2}, {1, 0, 5}, {1, 1, 1}});
  BiasesOptions options;
  options.epochs = 1;
  options.item_regularization = 1;
  options.user_regularization = 2;
  const auto model = trained(options, data);
  CHECK(model.global_bias == 3);
  CHECK(model.item_biases[0] == Catch::Approx(3.0 / 3));
  CHECK(model.item_biases[1] == Catch::Approx(-3.0 / 3));
  // User 0: residuals 4 - 3 - 1 = 0 and 2 - 3 + 1 = 0; user 1: 1 and -1.
  CHECK(model.user_biases[0] == 0);
  CHECK(model.user_biases[1] == 0);
}

TEST_CASE("biases without penalty fit what is additive") {
  std::vector<Rating> ratings;
  for (std::uint32_t user = 0; user < 6; ++user) {
    for (std::uint32_t item = 0; item < 5; ++item) {
      if ((user + item) % 4 == 0) continue;
      ratings.push_back({user, item, 3 + 0.5f * float(user) - 0.25f * float(item)});
    }
  }
  const auto data = shared_data(6, 5, ratings);
  BiasesOptions options;
  options.epochs = 200;
  options.user_regularization = options.item_regularization = 0;
  CHECK(root_mean_squared_error(trained(options, data), *data) < 1e-4);
}

TEST_CASE("a new user folds into biases as a half sweep would solve") {
  const auto data = shared_data(20, 12, synthetic_ratings(20, 12, 120, 4));
  const auto model = trained({}, data);
  const Towers towers = model.towers();
  FoldIn fold_in(towers);
  std::vector<float> values;
  for (std::uint32_t p = data->user_begin(7); p < data->user_end(7); ++p) {
    values.push_back(data->value_at(p));
  }
  CHECK(fold_in.fold({data->items_of(7), values, {}}).bias ==
        Catch::Approx(model.user_biases[7]).margin(1e-5));
}

TEST_CASE("biases refuse what they cannot work with") {
  const auto data = shared_data(1, 1, {{0, 0, 1}});
  BiasesOptions options;
  options.epochs = 0;
  CHECK(error_of([&] { make_biases(options, data, nullptr); }) == "OUT_OF_RANGE epochs");
  options = {};
  options.user_regularization = -1;
  CHECK(error_of([&] { make_biases(options, data, nullptr); }) ==
        "OUT_OF_RANGE regularization.user");
  const auto empty = shared(Interactions::from_coordinates(1, 1, {}));
  CHECK(error_of([&] { make_biases({}, empty, nullptr); }) == "EMPTY data");
  CHECK(error_of([&] { make_biases({}, data, empty); }) == "EMPTY validation");
}

TEST_CASE("biases alone predict MovieLens u1 about as well as they can") {
  const auto [train, test] = movielens_fold(1);
  CHECK(root_mean_squared_error(trained({}, train), *test) < 0.962);
}
