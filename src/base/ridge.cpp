#include "base/ridge.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "base/gram.h"
#include "base/simd.h"

namespace featherfm {

Ridge::Ridge(std::size_t width)
    // Blocks of 4 rows: room for the last block's rows, zero like all padding.
    : width_(width),
      panel_(panel_rows, width),
      a_(padded(width), width),
      lower_(padded(width), width),
      transposed_(4 * padded(width)),
      right_(padded(width)) {}

void Ridge::clear() {
  filled_ = 0;
  std::fill(a_.storage().begin(), a_.storage().end(), 0.0f);
  std::fill(right_.begin(), right_.end(), 0.0f);
}

void Ridge::add(std::span<const float> row, float target, float weight) {
  if (filled_ == panel_rows) flush();
  float* const gathered = panel_.row(filled_++);
  const float root = std::sqrt(weight);
  for (std::size_t j = 0; j < row.size(); ++j) gathered[j] = root * row[j];
  for (std::size_t j = row.size(); j < width_; ++j) gathered[j] = root;
  simd::axpy(root * target, gathered, right_.data(), right_.size());
}

void Ridge::flush() {
  add_outer_products(panel_.row(0), filled_, panel_.stride(), a_);
  filled_ = 0;
}

void Ridge::start_from(const Matrix& gram, std::size_t first) {
  filled_ = 0;
  for (std::size_t j = 0; j < width_; ++j) {
    std::copy_n(gram.row(first + j) + first, a_.stride(), a_.row(j));
  }
  std::fill(right_.begin(), right_.end(), 0.0f);
}

void Ridge::add_products(const float* row, float weight, float right) {
  if (filled_ == panel_rows) flush();
  float* const gathered = panel_.row(filled_++);
  const f4 root = splat(std::sqrt(weight)), factor = splat(right);
  for (std::size_t j = 0; j < right_.size(); j += 4) {
    at4(gathered + j) = root * load4(row + j);
    at4(right_.data() + j) += factor * load4(row + j);
  }
}

void Ridge::factorize(std::span<const float> penalties) {
  flush();
  float largest = 0;
  for (std::size_t j = 0; j < width_; ++j) largest = std::max(largest, a_.row(j)[j] + penalties[j]);
  if (!std::isfinite(largest)) {
    // The equations overflowed. NaN tells everyone who looks at the solution.
    std::fill(lower_.storage().begin(), lower_.storage().end(), largest - largest);
    return;
  }
  for (float jitter = 0; jitter <= largest; jitter = jitter > 0 ? 10 * jitter : 1e-6f * largest) {
    std::copy(a_.storage().begin(), a_.storage().end(), lower_.storage().begin());
    for (std::size_t j = 0; j < width_; ++j) lower_.row(j)[j] += penalties[j] + jitter;
    for (std::size_t j = width_; j < lower_.rows(); ++j) lower_.row(j)[j] = largest;  // padding
    if (cholesky(largest)) return;
    if (!(largest > 0)) break;
  }
  // Nothing was added and nothing penalised: any x will do.
  std::fill(lower_.storage().begin(), lower_.storage().end(), 0.0f);
  for (std::size_t j = 0; j < width_; ++j) lower_.row(j)[j] = 1;
}

// Cholesky by blocks of four columns, right-looking (Golub, Van Loan, Matrix Computations, 4.2.9):
// Eigen factorizes the block on the diagonal, four-wide loops do the rest. (Eigen's own blocking is
// as fast, but brings 30 KB of matrix products into the WebAssembly file.)
bool Ridge::cholesky(float largest) {
  using Block = Eigen::Matrix<float, 4, 4, Eigen::RowMajor>;
  const std::size_t size = lower_.rows(), stride = lower_.stride();
  for (std::size_t j = 0; j < size; j += 4) {
    Block block;
    for (int r = 0; r < 4; ++r) std::copy_n(lower_.row(j + std::size_t(r)) + j, 4, &block(r, 0));
    const Eigen::LLT<Block> factor(block);
    const Block& l = factor.matrixLLT();
    // Rounding can leave a singular matrix barely positive, with a huge solution: its pivots tell.
    const float pivot = l.diagonal().minCoeff();
    if (factor.info() != Eigen::Success || !(pivot * pivot > 1e-7f * largest)) return false;
    for (int r = 0; r < 4; ++r) std::copy_n(&l(r, 0), 4, lower_.row(j + std::size_t(r)) + j);

    // The rows below: row <- row l^-T, kept in transposed_ as four columns too.
    for (std::size_t i = j + 4; i < size; ++i) {
      float* const row = lower_.row(i) + j;
      for (int c = 0; c < 4; ++c) {
        float sum = row[c];
        for (int k = 0; k < c; ++k) sum -= row[k] * l(c, k);
        row[c] = sum / l(c, c);
        transposed_[std::size_t(c) * stride + i] = row[c];
      }
    }
    // What is left of the matrix loses their outer products.
    for (std::size_t i = j + 4; i < size; ++i) {
      float* const row = lower_.row(i);
      const f4 c0 = splat(row[j]), c1 = splat(row[j + 1]), c2 = splat(row[j + 2]),
               c3 = splat(row[j + 3]);
      for (std::size_t k = j + 4; k <= i; k += 4) {
        const float* const t = transposed_.data() + k;
        at4(row + k) -= (c0 * load4(t) + c1 * load4(t + stride)) +
                        (c2 * load4(t + 2 * stride) + c3 * load4(t + 3 * stride));
      }
    }
  }
  return true;
}

void Ridge::solve(std::span<float> x) const {
  solve_for({right_.data(), width_}, x);
}

void Ridge::solve_for(std::span<const float> right, std::span<float> x) const {
  // L y = right, then L^T x = y.
  for (std::size_t i = 0; i < width_; ++i) {
    float sum = right[i];
    const float* const row = lower_.row(i);
    for (std::size_t j = 0; j < i; ++j) sum -= row[j] * x[j];
    x[i] = sum / row[i];
  }
  for (std::size_t i = width_; i-- > 0;) {
    const float* const row = lower_.row(i);
    x[i] /= row[i];
    for (std::size_t j = 0; j < i; ++j) x[j] -= x[i] * row[j];
  }
}

}  // namespace featherfm
