// Gram matrices: sums of the outer products of rows.
#pragma once

#include <cstddef>
#include <vector>

#include "base/matrix.h"

namespace featherfm {

// A += sum row row^T over `count` rows, `stride` floats each and one after the other, in blocks of
// 4 x 4 that hold the lower triangle; what stands above the blocks on the diagonal is left alone.
// `a` has `stride` rows. Every entry is summed in the order of the rows.
void add_outer_products(const float* rows, std::size_t count, std::size_t stride, Matrix& a);

// The Gram matrix of all rows of a matrix, in bounded pieces. Partial sums are added in double.
class GramSum {
 public:
  explicit GramSum(std::size_t width);

  std::size_t width() const { return width_; }

  void clear();
  // Some hundred rows, of a matrix with `width` columns or more (whose further columns are not
  // looked at); true when all are in.
  bool add_rows(const Matrix& rows);
  void add_all(const Matrix& rows) {
    while (!add_rows(rows)) {
    }
  }

  // `scale` times the sum: symmetric, `width` columns, as many rows with zeros behind them up to a
  // multiple of 4.
  Matrix scaled(float scale) const;

  // sum_jk this_jk other_jk: of the Gram matrices of X and Y, the sum of all <x, y>^2.
  double inner_product(const GramSum& other) const;

 private:
  std::size_t width_, stride_, next_row_ = 0;
  Matrix piece_;
  std::vector<double> sum_;  // lower triangle, stride x stride
};

}  // namespace featherfm
