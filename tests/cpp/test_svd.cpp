#include "train/svd.h"

#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// Eigen counts with signed numbers.
Eigen::Index at(std::size_t n) {
  return static_cast<Eigen::Index>(n);
}

MatrixFactorization decomposed(const SvdOptions& options, const SharedData& data) {
  const auto trainer = make_svd(options, data);
  run(*trainer);
  return trainer->model();
}

// The rating matrix with its gaps filled as the header of svd.h says.
Eigen::MatrixXd filled(const SvdOptions& options, const Interactions& data) {
  const Eigen::Index users = at(data.users()), items = at(data.items());
  Eigen::MatrixXd known = Eigen::MatrixXd::Zero(users, items), mask = known;
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      known(at(user), at(data.item_at(p))) = data.value_at(p);
      mask(at(user), at(data.item_at(p))) = 1;
    }
  }
  const double mean = known.sum() / mask.sum();
  Eigen::MatrixXd result(users, items);
  for (Eigen::Index user = 0; user < users; ++user) {
    for (Eigen::Index item = 0; item < items; ++item) {
      const auto mean_of = [&](const auto& values, const auto& present) {
        return present.sum() > 0 ? values.sum() / present.sum() : mean;
      };
      const double fill = options.fill == Fill::constant      ? double{options.fill_value}
                          : options.fill == Fill::global_mean ? mean
                          : options.fill == Fill::user_mean
                              ? mean_of(known.row(user), mask.row(user))
                              : mean_of(known.col(item), mask.col(item));
      result(user, item) = mask(user, item) == 1 ? known(user, item) : fill;
    }
  }
  return result;
}

Eigen::MatrixXd product(const MatrixFactorization& model) {
  Eigen::MatrixXd result(at(model.users()), at(model.items()));
  for (std::uint32_t user = 0; user < model.users(); ++user) {
    for (std::uint32_t item = 0; item < model.items(); ++item) {
      result(at(user), at(item)) = predict(model, user, item);
    }
  }
  return result;
}

Eigen::MatrixXd as_matrix(const Matrix& matrix) {
  Eigen::MatrixXd result(at(matrix.rows()), at(matrix.columns()));
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    for (std::size_t c = 0; c < matrix.columns(); ++c) {
      result(at(r), at(c)) = matrix.row(r)[c];
    }
  }
  return result;
}

// With a user and an item nobody has rated.
SharedData small_data() {
  return shared_data(21, 16, synthetic_ratings(20, 15, 120, 6));
}

}  // namespace

TEST_CASE("the decomposition equals a dense one of the filled matrix, for every fill") {
  const auto data = small_data();
  for (const Fill fill : {Fill::constant, Fill::global_mean, Fill::user_mean, Fill::item_mean}) {
    SvdOptions options;
    options.fill = fill;
    options.fill_value = 2.5f;
    options.factors = 4;
    const auto model = decomposed(options, data);
    const Eigen::JacobiSVD<Eigen::MatrixXd> dense(filled(options, *data),
                                                  Eigen::ComputeThinU | Eigen::ComputeThinV);
    const Eigen::MatrixXd best = dense.matrixU().leftCols(4) *
                                 dense.singularValues().head(4).asDiagonal() *
                                 dense.matrixV().leftCols(4).transpose();
    CAPTURE(static_cast<int>(fill));
    REQUIRE(model.singular_values.size() == 4);
    for (std::size_t f = 0; f < 4; ++f) {
      const double exact = dense.singularValues()[at(f)];
      CHECK(std::abs(model.singular_values[f] - exact) < 1e-5 * dense.singularValues()[0]);
    }
    CHECK((product(model) - best).cwiseAbs().maxCoeff() < 1e-3);
  }
}

TEST_CASE("with all its factors the decomposition gives the filled matrix back") {
  const auto data = small_data();
  SvdOptions options;
  options.factors = 16;
  const auto model = decomposed(options, data);
  CHECK(model.factors() == 16);
  CHECK((product(model) - filled(options, *data)).cwiseAbs().maxCoeff() < 1e-4);
}

TEST_CASE("more factors than the smaller side are cut down to it") {
  SvdOptions options;
  options.factors = 100;
  CHECK(decomposed(options, small_data()).factors() == 16);
  CHECK(decomposed(options, shared_data(1, 1, {{0, 0, 3}})).factors() == 1);
  CHECK(decomposed(options, shared_data(3, 40, synthetic_ratings(3, 40, 50, 1))).factors() == 3);
}

TEST_CASE("singular vectors are orthogonal and split the singular values evenly") {
  SvdOptions options;
  options.factors = 6;
  const auto model = decomposed(options, small_data());
  for (const Matrix* side : {&model.user_factors, &model.item_factors}) {
    const Eigen::MatrixXd columns = as_matrix(*side);
    const Eigen::MatrixXd gram = columns.transpose() * columns;
    for (Eigen::Index a = 0; a < 6; ++a) {
      for (Eigen::Index b = 0; b < 6; ++b) {
        const double expected =
            a == b ? double{model.singular_values[static_cast<std::size_t>(a)]} : 0;
        CHECK(std::abs(gram(a, b) - expected) < 1e-4 * gram(0, 0));
      }
    }
  }
}

TEST_CASE("singular values come largest first") {
  SvdOptions options;
  options.factors = 10;
  const auto model = decomposed(options, small_data());
  CHECK(std::ranges::is_sorted(model.singular_values, std::greater<>()));
  CHECK(model.singular_values.back() >= 0);
}

TEST_CASE("the decomposition of the small example has two tastes") {
  // 5 x 5, blocks {1, 2, 3} x {1, 2, 3} and {4, 5} x {4, 5} of ones, the antidiagonal unknown.
  std::vector<Rating> ratings;
  for (std::uint32_t user = 0; user < 5; ++user) {
    for (std::uint32_t item = 0; item < 5; ++item) {
      if (user + item != 4) ratings.push_back({user, item, (user < 3) == (item < 3) ? 1.0f : 0.0f});
    }
  }
  const auto data = shared_data(5, 5, ratings);
  SvdOptions options;
  options.fill = Fill::constant;
  options.fill_value = 0.5f;
  options.factors = 5;
  const auto all = decomposed(options, data);
  CHECK(all.singular_values[1] > 1.5f);
  CHECK(all.singular_values[2] < 0.75f);

  options.factors = 2;
  const auto two = decomposed(options, data);
  const auto alike = [&](std::uint32_t a, std::uint32_t b, const Matrix& rows) {
    const Eigen::MatrixXd all_rows = as_matrix(rows);
    return all_rows.row(at(a)).normalized().dot(all_rows.row(at(b)).normalized());
  };
  for (const Matrix* side : {&two.user_factors, &two.item_factors}) {
    CHECK(alike(0, 1, *side) > 0.9);
    CHECK(alike(0, 2, *side) > 0.9);
    CHECK(alike(3, 4, *side) > 0.9);
    CHECK(alike(0, 4, *side) < 0.5);
  }
  // The hidden places lean to their block's side of the fill.
  for (std::uint32_t user = 0; user < 5; ++user) {
    if (user == 2)
      CHECK(predict(two, user, 4 - user) > 0.6);
    else
      CHECK(predict(two, user, 4 - user) < 0.4);
  }
}

TEST_CASE("a matrix of smaller rank than the factors leaves zero columns, not noise") {
  std::vector<Rating> ratings;
  for (std::uint32_t user = 0; user < 8; ++user) {
    for (std::uint32_t item = 0; item < 6; ++item) {
      ratings.push_back({user, item, static_cast<float>((user + 1) * (item + 1))});
    }
  }
  SvdOptions options;
  options.factors = 5;
  const auto model = decomposed(options, shared_data(8, 6, ratings));
  REQUIRE(model.all_finite());
  CHECK((product(model) - filled(options, interactions(8, 6, ratings))).cwiseAbs().maxCoeff() <
        1e-4);
  for (std::size_t f = 1; f < 5; ++f) {
    CHECK(model.singular_values[f] < 1e-5f * model.singular_values[0]);
    for (std::size_t user = 0; user < 8; ++user) CHECK(model.user_factors.row(user)[f] == 0);
  }
}

TEST_CASE("a matrix of zeros decomposes into zeros") {
  SvdOptions options;
  options.factors = 2;
  const auto model = decomposed(options, shared_data(3, 3, {{0, 0, 0}, {1, 2, 0}}));
  CHECK(model.all_finite());
  CHECK(product(model).isZero());
}

TEST_CASE("the seed does not matter where the range finder has room enough") {
  SvdOptions options;
  options.factors = 3;
  const auto one = decomposed(options, small_data());
  options.seed = 99;
  CHECK((product(one) - product(decomposed(options, small_data()))).cwiseAbs().maxCoeff() < 1e-4);
}

TEST_CASE("the decomposition reports its error on the known ratings") {
  SvdOptions options;
  options.factors = 3;
  const auto data = small_data();
  const auto trainer = make_svd(options, data);
  const auto epochs = run(*trainer);
  REQUIRE(epochs.size() == 1);
  CHECK(trainer->best_epoch() == 1);
  double squared = 0;
  for (std::uint32_t user = 0; user < data->users(); ++user) {
    for (std::uint32_t p = data->user_begin(user); p < data->user_end(user); ++p) {
      squared += std::pow(data->value_at(p) - predict(trainer->model(), user, data->item_at(p)), 2);
    }
  }
  CHECK(std::abs(epochs[0].train.loss - squared / data->size()) < 1e-5);
  CHECK(std::abs(epochs[0].train.rmse - std::sqrt(squared / data->size())) < 1e-5);
}

TEST_CASE("a large sparse matrix is decomposed without being formed") {
  // Dense, 50,000 x 20,000 floats would take 4 GB, which WebAssembly cannot even address.
  constexpr std::uint32_t users = 50'000, items = 20'000, per_user = 10;
  Random random(3);
  Indices user_list, item_list;
  std::vector<float> values;
  for (std::uint32_t user = 0; user < users; ++user) {
    for (std::uint32_t k = 0; k < per_user; ++k) {
      user_list.push_back(user);
      item_list.push_back(random.below(items));
      values.push_back(static_cast<float>(1 + (user + item_list.back()) % 5));
    }
  }
  SvdOptions options;
  options.factors = 2;
  options.oversampling = 2;
  options.power_iterations = 1;
  const auto data =
      shared(Interactions::from_coordinates(users, items, {user_list, item_list, values, {}, {}}));
  const auto model = decomposed(options, data);
  CHECK(model.all_finite());
  // Filled by item means, the matrix is almost constant: the first singular value is mean
  // sqrt(users items).
  CHECK(std::abs(model.singular_values[0] / (3 * std::sqrt(double{users} * items)) - 1) < 0.03);
}

TEST_CASE("SVD options out of range are refused by name") {
  const auto refused = [](auto change) {
    SvdOptions options;
    change(options);
    return error_of([&] { make_svd(options, small_data()); });
  };
  using O = SvdOptions;
  CHECK(refused([](O&) {}) == "nothing");
  CHECK(refused([](O& o) { o.factors = 0; }) == "OUT_OF_RANGE factors");
  CHECK(refused([](O& o) { o.factors = 1025; }) == "OUT_OF_RANGE factors");
  CHECK(refused([](O& o) { o.oversampling = 1025; }) == "OUT_OF_RANGE oversampling");
  CHECK(refused([](O& o) { o.power_iterations = 101; }) == "OUT_OF_RANGE powerIterations");
  CHECK(refused([](O& o) { o.fill_value = std::nanf(""); }) == "NOT_FINITE fill");
  CHECK(refused([](O& o) { o.value_range = ValueRange{2, 2}; }) == "OUT_OF_RANGE valueRange");
  CHECK(error_of([] { make_svd({}, shared(Interactions::from_coordinates(2, 2, {}))); }) ==
        "EMPTY data");
}

TEST_CASE("ratings too large for floats raise an error instead of a broken model") {
  SvdOptions options;
  options.factors = 1;
  std::vector<Rating> ratings;
  for (std::uint32_t k = 0; k < 100; ++k) ratings.push_back({k / 10, k % 10, 3e38f});
  const auto trainer = make_svd(options, shared_data(10, 10, ratings));
  const std::string outcome = error_of([&] { run(*trainer); });
  CHECK((outcome == "DIVERGED ratings" || (outcome == "nothing" && trainer->model().all_finite())));
}
