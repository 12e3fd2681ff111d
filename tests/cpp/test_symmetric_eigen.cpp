#include "base/symmetric_eigen.h"

#include <Eigen/Dense>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

using namespace featherfm;

namespace {

Eigen::Index at(std::size_t n) {
  return static_cast<Eigen::Index>(n);
}

SymmetricEigen solved(const std::vector<double>& matrix, std::size_t n) {
  SymmetricEigen eigen(matrix, n);
  while (eigen.rotate_row()) {
  }
  return eigen;
}

// x^T x of `rows` random rows: of rank `rows` where these are fewer than n.
std::vector<double> random_gram(std::size_t n, std::size_t rows, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> matrix(n * n), x(n);
  for (std::size_t r = 0; r < rows; ++r) {
    for (double& value : x) value = random.normal();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) matrix[i * n + j] += x[i] * x[j];
    }
  }
  return matrix;
}

void check_decomposition(const std::vector<double>& matrix, std::size_t n) {
  const SymmetricEigen eigen = solved(matrix, n);
  const Eigen::Map<const Eigen::MatrixXd> dense(matrix.data(), at(n), at(n));
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> reference(dense);
  const double scale = static_cast<double>(n) * dense.cwiseAbs().maxCoeff() + 1e-300;
  Eigen::MatrixXd vectors(at(n), at(n));
  Eigen::VectorXd values(at(n));
  for (std::size_t j = 0; j < n; ++j) {
    values[at(j)] = eigen.value(j);
    CHECK(std::abs(eigen.value(j) - reference.eigenvalues()[at(n - 1 - j)]) < 1e-13 * scale);
    for (std::size_t i = 0; i < n; ++i) vectors(at(i), at(j)) = eigen.vector(i, j);
  }
  CHECK((dense * vectors - vectors * values.asDiagonal()).cwiseAbs().maxCoeff() < 1e-12 * scale);
  CHECK((vectors.transpose() * vectors - Eigen::MatrixXd::Identity(at(n), at(n)))
            .cwiseAbs()
            .maxCoeff() < 1e-12);
}

}  // namespace

TEST_CASE("eigenvalues and eigenvectors equal Eigen's, of full and of smaller rank") {
  for (const std::size_t n : {1u, 2u, 3u, 10u, 42u, 90u}) {
    check_decomposition(random_gram(n, 2 * n, n), n);
    check_decomposition(random_gram(n, n / 2, n + 100), n);
  }
}

TEST_CASE("equal and vanishing eigenvalues do no harm") {
  check_decomposition({2, 0, 0, 0, 2, 0, 0, 0, 2}, 3);
  check_decomposition({1, 1, 1, 1, 1, 1, 1, 1, 1}, 3);
  check_decomposition(std::vector<double>(16), 4);
  check_decomposition({0, 1, 1, 0}, 2);  // -1 and 1
}

TEST_CASE("eigenvalues of very different size are told apart") {
  check_decomposition({1e12, 1, 1, 1e-6}, 2);
  check_decomposition({1e-200, 0.5e-200, 0.5e-200, 1e-200}, 2);
}

TEST_CASE("a matrix that is not finite comes to an end") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  solved({nan, 1, 1, nan}, 2);
  solved({1, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity(), 1},
         2);
  CHECK(true);
}
