#include "base/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace featherfm {

SymmetricEigen::SymmetricEigen(std::vector<double> matrix, std::size_t n)
    : n_(n), a_(std::move(matrix)), v_(n * n), order_(n) {
  for (std::size_t i = 0; i < n; ++i) v_[i * n + i] = 1;
  std::iota(order_.begin(), order_.end(), std::size_t{0});
}

bool SymmetricEigen::rotate_row() {
  if (row_ == n_) {
    row_ = 0;
    // Convergence is quadratic: a handful of sweeps; the limit only stops what is not finite.
    if (!std::exchange(rotated_, false) || ++sweeps_ == 60) {
      const auto larger = [&](std::size_t i, std::size_t j) {
        return a_[i * n_ + i] > a_[j * n_ + j];
      };
      std::make_heap(order_.begin(), order_.end(), larger);
      std::sort_heap(order_.begin(), order_.end(), larger);
      return false;
    }
  }
  for (std::size_t q = row_ + 1; q < n_; ++q) rotate(row_, q);
  ++row_;
  return true;
}

// The rotation that makes entry (p, q) zero (Golub, Van Loan, Matrix Computations,
// algorithm 8.5.1).
void SymmetricEigen::rotate(std::size_t p, std::size_t q) {
  const double pq = a_[p * n_ + q], pp = a_[p * n_ + p], qq = a_[q * n_ + q];
  if (std::abs(pq) <= 1e-15 * std::sqrt(std::abs(pp * qq)) || std::abs(pq) < 1e-290) return;
  rotated_ = true;
  const double tau = (qq - pp) / (2 * pq);
  const double t = (tau >= 0 ? 1 : -1) / (std::abs(tau) + std::sqrt(1 + tau * tau));
  const double c = 1 / std::sqrt(1 + t * t), s = t * c;
  double* const row_p = &a_[p * n_];
  double* const row_q = &a_[q * n_];
  for (std::size_t k = 0; k < n_; ++k) {
    const double x = row_p[k], y = row_q[k];
    row_p[k] = c * x - s * y;
    row_q[k] = s * x + c * y;
  }
  for (std::size_t k = 0; k < n_; ++k) {
    double* const row = &a_[k * n_];
    const double x = row[p], y = row[q];
    row[p] = c * x - s * y;
    row[q] = s * x + c * y;
  }
  row_p[q] = row_q[p] = 0;
  double* const vector_p = &v_[p * n_];
  double* const vector_q = &v_[q * n_];
  for (std::size_t k = 0; k < n_; ++k) {
    const double x = vector_p[k], y = vector_q[k];
    vector_p[k] = c * x - s * y;
    vector_q[k] = s * x + c * y;
  }
}

}  // namespace featherfm
