#include "base/ridge.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace featherfm {

Ridge::Ridge(std::size_t width)
    : width_(static_cast<Eigen::Index>(width)),
      panel_(width_, panel_rows),
      a_(width_, width_),
      b_(width_) {
  clear();
}

void Ridge::clear() {
  filled_ = 0;
  a_.setZero();
  b_.setZero();
}

void Ridge::add(std::span<const float> row, float tail, float target, float weight) {
  if (filled_ == panel_rows) flush();
  auto column = panel_.col(filled_++);
  const float root = std::sqrt(weight);
  const auto size = static_cast<Eigen::Index>(row.size());
  column.head(size) = Eigen::Map<const Eigen::VectorXf>(row.data(), size) * root;
  column.tail(width_ - size).setConstant(tail * root);
  b_ += column * (root * target);
}

void Ridge::add_normal(const Eigen::MatrixXf& matrix, const Eigen::VectorXf& vector) {
  a_ += matrix;
  b_ += vector;
}

void Ridge::flush() {
  if (filled_ == 0) return;
  a_.selfadjointView<Eigen::Lower>().rankUpdate(panel_.leftCols(filled_));
  filled_ = 0;
}

void Ridge::solve(const Eigen::VectorXf& penalties, std::span<float> solution) {
  solve_for(penalties, b_, solution);
}

void Ridge::solve_for(const Eigen::VectorXf& penalties, const Eigen::VectorXf& right,
                      std::span<float> solution) {
  flush();
  Eigen::Map<Eigen::VectorXf> x(solution.data(), static_cast<Eigen::Index>(solution.size()));
  x.setZero();
  if (width_ == 0 || (right.array() == 0).all()) return;
  Eigen::MatrixXf a = a_;
  a.diagonal() += penalties;
  Eigen::LLT<Eigen::MatrixXf> cholesky(a);
  // Rounding can leave a singular matrix barely positive, with a huge solution: then the condition number decides. A
  // real penalty makes that impossible, and estimating the condition costs as much as a third of the solution.
  float jitter = a.diagonal().maxCoeff() * 1e-6f;
  const bool penalised = penalties.minCoeff() > jitter;
  while (cholesky.info() != Eigen::Success || (!penalised && !(cholesky.rcond() > 1e-7f))) {
    if (!(jitter > 0 && jitter < 1e30f)) return;
    a.diagonal().array() += jitter;
    jitter *= 10;
    cholesky.compute(a);
  }
  x = cholesky.solve(right);
}

}  // namespace featherfm
