#include "base/ridge.h"

#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

#include "base/random.h"

using namespace featherfm;

namespace {

Eigen::Index at(std::size_t n) {
  return static_cast<Eigen::Index>(n);
}

// Gathers the same rows into a Ridge and into dense normal equations in double.
class Both {
 public:
  explicit Both(std::size_t width)
      : ridge(width),
        a(Eigen::MatrixXd::Zero(at(width), at(width))),
        b(Eigen::VectorXd::Zero(at(width))) {}

  void add_random(std::size_t rows, std::size_t row_size, Random& random) {
    std::vector<float> row(row_size);
    for (std::size_t r = 0; r < rows; ++r) {
      for (float& x : row) x = static_cast<float>(random.normal());
      const auto target = static_cast<float>(random.normal());
      const auto weight = static_cast<float>(random.below(4)) / 2;
      ridge.add(row, target, weight);
      Eigen::VectorXd z = Eigen::VectorXd::Ones(a.rows());
      for (std::size_t j = 0; j < row_size; ++j) z[at(j)] = row[j];
      a += weight * z * z.transpose();
      b += weight * target * z;
    }
  }

  double largest_error(const std::vector<float>& penalties) {
    ridge.factorize(penalties);
    std::vector<float> x(penalties.size());
    ridge.solve(x);
    Eigen::MatrixXd penalised = a;
    for (std::size_t j = 0; j < x.size(); ++j) penalised(at(j), at(j)) += penalties[j];
    const Eigen::VectorXd exact = penalised.ldlt().solve(b);
    double largest = 0;
    for (std::size_t j = 0; j < x.size(); ++j)
      largest = std::max(largest, std::abs(x[j] - exact[at(j)]));
    return largest;
  }

  Ridge ridge;
  Eigen::MatrixXd a;
  Eigen::VectorXd b;
};

std::vector<float> rising_penalties(std::size_t width) {
  std::vector<float> penalties(width);
  for (std::size_t j = 0; j < width; ++j) penalties[j] = 0.5f + 0.1f * static_cast<float>(j % 7);
  return penalties;
}

}  // namespace

TEST_CASE("ridge regression equals the dense normal equations for every width and number of rows") {
  Random random(1);
  for (std::size_t width = 1; width <= 70; width += width < 20 ? 1 : 7) {
    for (const std::size_t rows : {1u, 3u, 31u, 32u, 33u, 64u, 150u}) {
      Both both(width);
      both.add_random(rows, width, random);
      CAPTURE(width, rows);
      CHECK(both.largest_error(rising_penalties(width)) < 2e-4);
    }
  }
}

TEST_CASE("entries behind a row's end are ones, for a bias") {
  Random random(2);
  for (std::size_t width = 1; width <= 9; ++width) {
    Both both(width);
    both.add_random(20, width - 1, random);
    CHECK(both.largest_error(rising_penalties(width)) < 1e-4);
  }
}

TEST_CASE("more rows may follow a solution, and clear() starts afresh") {
  Random random(3);
  Both both(6);
  both.add_random(40, 6, random);
  CHECK(both.largest_error(rising_penalties(6)) < 1e-4);
  both.add_random(5, 6, random);
  CHECK(both.largest_error(rising_penalties(6)) < 1e-4);
  CHECK(both.largest_error(std::vector<float>(6, 3)) < 1e-4);

  both.ridge.clear();
  both.a.setZero();
  both.b.setZero();
  both.add_random(7, 6, random);
  CHECK(both.largest_error(rising_penalties(6)) < 1e-4);
}

TEST_CASE("other right-hand sides can be solved for") {
  Random random(4);
  Both both(7);
  both.add_random(30, 7, random);
  both.ridge.factorize(rising_penalties(7));
  std::vector<float> right(7), x(7);
  for (float& value : right) value = static_cast<float>(random.normal());
  both.ridge.solve_for(right, x);
  for (std::size_t i = 0; i < 7; ++i) {
    double sum = rising_penalties(7)[i] * x[i];
    for (std::size_t j = 0; j < 7; ++j) sum += both.a(at(i), at(j)) * x[j];
    CHECK(std::abs(sum - right[i]) < 1e-4);
  }
}

TEST_CASE("with no row at all the solution is zero") {
  for (const float penalty : {0.0f, 1.0f}) {
    for (const std::size_t width : {0u, 1u, 5u, 64u}) {
      Ridge ridge(width);
      ridge.factorize(std::vector<float>(width, penalty));
      std::vector<float> x(width, 9);
      ridge.solve(x);
      CHECK(std::ranges::all_of(x, [](float value) { return value == 0; }));
    }
  }
}

TEST_CASE("singular equations without a penalty have a finite solution that fits the rows") {
  Random random(5);
  for (const std::size_t width : {2u, 5u, 33u, 64u}) {
    Ridge ridge(width);
    std::vector<std::vector<float>> rows(width / 2, std::vector<float>(width));
    for (auto& row : rows) {
      for (float& x : row) x = static_cast<float>(random.normal());
      ridge.add(row, 2, 1);
    }
    ridge.factorize(std::vector<float>(width));
    std::vector<float> x(width);
    ridge.solve(x);
    for (const auto& row : rows) {
      double fitted = 0;
      for (std::size_t j = 0; j < width; ++j) fitted += double{row[j]} * x[j];
      CHECK(std::abs(fitted - 2) < 0.02);
    }
    for (const float value : x) CHECK(std::abs(value) < 100);
  }
}

TEST_CASE("equal rows without a penalty are fitted, and do not blow up") {
  Ridge ridge(3);
  const std::vector<float> row{1, 1, 1};
  for (int k = 0; k < 50; ++k) ridge.add(row, 6, 1);
  ridge.factorize(std::vector<float>(3));
  std::vector<float> x(3);
  ridge.solve(x);
  CHECK(std::abs(x[0] + x[1] + x[2] - 6) < 0.01f);
  for (const float value : x) CHECK(std::abs(value - 2) < 0.5f);
}

TEST_CASE("columns of very different size are solved as they should") {
  Ridge ridge(3);
  ridge.add(std::vector<float>{100, 0, 0}, 50, 1);
  ridge.add(std::vector<float>{0, 1, 0}, 2, 1);
  ridge.add(std::vector<float>{0, 0, 0.1f}, 3, 1);
  ridge.factorize(std::vector<float>{0.01f, 0.01f, 0.01f});
  std::vector<float> x(3);
  ridge.solve(x);
  CHECK(std::abs(x[0] - 0.5f) < 1e-4f);
  CHECK(std::abs(x[1] - 2 / 1.01f) < 1e-3f);
  CHECK(std::abs(x[2] - 0.3f / 0.02f) < 0.2f);
}
