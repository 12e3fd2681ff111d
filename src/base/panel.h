// Tall thin matrices in double, and the steps on them that truncated singular value decompositions
// are made of. Each works on a piece of the rows, so that others may have their turn in between.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/random.h"

namespace featherfm {

// Row by row. Work is done in double and rounded once at the end: small singular values come out of
// differences of large ones.
class Panel {
 public:
  // Rows of a piece.
  static constexpr std::size_t piece = 64;

  Panel(std::size_t rows, std::size_t width) : rows_(rows), width_(width), values_(rows * width) {}
  std::size_t rows() const { return rows_; }
  std::size_t width() const { return width_; }
  std::size_t end_of_piece(std::size_t row) const { return std::min(rows_, row + piece); }
  double* row(std::size_t r) { return values_.data() + r * width_; }
  const double* row(std::size_t r) const { return values_.data() + r * width_; }
  void clear() { std::fill(values_.begin(), values_.end(), 0.0); }

  // Standard normal numbers in the piece from `row` on.
  void draw(std::size_t row, Random& random);
  // gram += row row^T over the piece; width x width, lower triangle.
  void add_gram(std::size_t row, std::vector<double>& gram) const;
  // row <- row L^-T over the piece; columns with a zero pivot become zero.
  void orthonormalize(const std::vector<double>& lower, std::size_t row);
  // <row, w>
  double product(std::size_t row, const std::vector<double>& w) const;

 private:
  std::size_t rows_, width_;
  std::vector<double> values_;
};

// y <- y + a x. Out of line: inlined into every loop it would triple the code.
void add_scaled(double a, const double* x, double* y, std::size_t n);

// gram = L L^T, in place. A direction that is only rounding noise (the matrix has a smaller rank)
// gets a zero pivot.
void factorize_gram(std::vector<double>& gram, std::size_t width);

// The matrix whose lower triangle is given.
std::vector<double> symmetric(std::vector<double> lower, std::size_t width);

}  // namespace featherfm
