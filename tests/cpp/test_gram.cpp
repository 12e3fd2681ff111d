#include "base/gram.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "base/random.h"

using namespace featherfm;

namespace {

Matrix random_matrix(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  Random random(seed);
  Matrix result(rows, columns);
  for (std::size_t r = 0; r < rows; ++r) {
    for (float& x : result.columns_of(r)) x = static_cast<float>(random.normal());
  }
  return result;
}

}  // namespace

TEST_CASE("a Gram matrix is the sum of the rows' outer products, scaled and symmetric") {
  for (const std::size_t width : {1u, 4u, 7u, 8u, 13u}) {
    for (const std::size_t rows : {0u, 1u, 255u, 256u, 700u}) {
      const Matrix matrix = random_matrix(rows, width, 3);
      GramSum sum(width);
      sum.add_all(matrix);
      const Matrix gram = sum.scaled(0.5f);
      for (std::size_t j = 0; j < width; ++j) {
        for (std::size_t k = 0; k < width; ++k) {
          double expected = 0;
          for (std::size_t r = 0; r < rows; ++r) {
            expected += 0.5 * double{matrix.row(r)[j]} * double{matrix.row(r)[k]};
          }
          CHECK(gram.row(j)[k] == Catch::Approx(expected).margin(1e-4));
        }
      }
    }
  }
}

TEST_CASE("columns behind those that are asked for take no part in a Gram matrix") {
  const Matrix wide = random_matrix(300, 6, 5);
  Matrix narrow(300, 5);
  for (std::size_t r = 0; r < 300; ++r) std::copy_n(wide.row(r), 5, narrow.row(r));
  GramSum of_wide(5), of_narrow(5);
  of_wide.add_all(wide);
  of_narrow.add_all(narrow);
  CHECK(of_wide.scaled(1).without_padding() == of_narrow.scaled(1).without_padding());
}

TEST_CASE("two Gram matrices give the sum of all squared inner products") {
  const Matrix x = random_matrix(20, 5, 1), y = random_matrix(30, 5, 2);
  GramSum of_x(5), of_y(5);
  of_x.add_all(x);
  of_y.add_all(y);
  double expected = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    for (std::size_t j = 0; j < 30; ++j) {
      double product = 0;
      for (std::size_t f = 0; f < 5; ++f) product += double{x.row(i)[f]} * double{y.row(j)[f]};
      expected += product * product;
    }
  }
  CHECK(of_x.inner_product(of_y) == Catch::Approx(expected).epsilon(1e-5));
}
