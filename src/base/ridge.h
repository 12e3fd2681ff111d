// Ridge regression by the normal equations, gathered a row at a time:
//   minimise  sum_r weight_r (target_r - <x, row_r>)^2 + sum_j penalty_j x_j^2
// The rows are few numbers wide (factors + bias), so the normal equations are small and Cholesky is
// the fastest way.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/matrix.h"

namespace featherfm {

class Ridge {
 public:
  // `width`: number of unknowns, may be 0.
  explicit Ridge(std::size_t width);

  std::size_t width() const { return width_; }

  void clear();

  // Adds one row. Entries behind row.size() are 1: the column of a bias, where width = row.size()
  // + 1. weight >= 0.
  void add(std::span<const float> row, float target, float weight);

  // Begins anew from A = the block of `gram` on the diagonal that starts at row `first`, and b = 0.
  // Behind the block, `gram` must have rows and padding enough for width() rounded up to a multiple
  // of 4, where width() is not such a multiple: zeros.
  void start_from(const Matrix& gram, std::size_t first = 0);
  // A += weight row row^T, b += right row. `row`: 16-byte aligned, zeros behind the width() floats
  // up to a multiple of 4. weight >= 0.
  void add_products(const float* row, float weight, float right);

  // Factorizes with these penalties (`width` of them, >= 0); what was added stays, and more may
  // follow. Where the equations are singular (no penalty and fewer rows than unknowns), the
  // smallest power of ten times 1e-6 of their largest diagonal entry that makes them regular is
  // added to the diagonal. Where they overflow, every solution is NaN.
  void factorize(std::span<const float> penalties);

  // After factorize(): x for the right-hand side that was gathered, or for another one. All of
  // width().
  void solve(std::span<float> x) const;
  void solve_for(std::span<const float> right, std::span<float> x) const;

  // The gathered right-hand side, to be changed in place.
  std::span<float> right() { return {right_.data(), width_}; }

 private:
  void flush();
  bool cholesky(float largest);

  // Rows are gathered in panels, so that A grows by products of small blocks that stay in
  // registers.
  static constexpr std::size_t panel_rows = 32;
  std::size_t width_, filled_ = 0;
  Matrix panel_;      // rows scaled by the root of their weight
  Matrix a_, lower_;  // sum of row row^T (lower triangle, in blocks of 4); and its Cholesky factor
                      // with the penalties
  AlignedFloats transposed_;  // four columns of the factor
  AlignedFloats right_;
};

}  // namespace featherfm
