// Ridge regression by the normal equations, gathered a row at a time:
//   minimise  sum_r weight_r (target_r - <x, row_r>)^2 + sum_j penalty_j x_j^2
// The rows are few numbers wide (factors + bias), so the normal equations are small and Cholesky is the fastest way.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <span>

namespace featherfm {

class Ridge {
 public:
  // `width`: unknowns, at least 0.
  explicit Ridge(std::size_t width);

  std::size_t width() const { return static_cast<std::size_t>(width_); }

  void clear();

  // Adds one row; entries behind row.size() are `tail` (the 1 that stands for a bias, where width = row.size() + 1).
  void add(std::span<const float> row, float tail, float target, float weight);

  // Adds known normal equations: A += matrix, b += vector (both of the full width).
  void add_normal(const Eigen::MatrixXf& matrix, const Eigen::VectorXf& vector);

  // Solves with these penalties and writes the solution; what was added stays. Where the equations are singular (no
  // penalty and fewer rows than unknowns), the smallest multiple of the identity that makes them regular is added.
  // With no row at all the solution is 0.
  void solve(const Eigen::VectorXf& penalties, std::span<float> solution);

  // As solve(), for another right-hand side than the gathered one.
  void solve_for(const Eigen::VectorXf& penalties, const Eigen::VectorXf& right,
                 std::span<float> solution);

 private:
  void flush();

  // Rows are gathered in panels, so that A grows by matrix products instead of one outer product per row.
  static constexpr Eigen::Index panel_rows = 64;
  Eigen::Index width_, filled_ = 0;
  Eigen::MatrixXf panel_;  // width x panel_rows, a column per row, scaled by the root of its weight
  Eigen::MatrixXf a_;      // lower triangle
  Eigen::VectorXf b_;
};

}  // namespace featherfm
