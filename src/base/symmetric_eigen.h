// Eigenvalues and eigenvectors of a small dense symmetric matrix, by Jacobi's method: rotate away
// one off-diagonal entry after the other until none is left. It is as accurate as any method and a
// page of code, where Eigen's solver would add a quarter to the WebAssembly file; for the hundred
// or so columns of a truncated SVD its speed is no matter.
#pragma once

#include <cstddef>
#include <vector>

namespace featherfm {

class SymmetricEigen {
 public:
  // `matrix`: n x n, row by row, symmetric.
  SymmetricEigen(std::vector<double> matrix, std::size_t n);

  // Does one row of rotations; false once all is done. To be called until then.
  bool rotate_row();

  double value(std::size_t j) const {
    return a_[order_[j] * n_ + order_[j]];
  }  // descending, once done
  // Entry i of the eigenvector that belongs to value(j); of unit length.
  double vector(std::size_t i, std::size_t j) const { return v_[order_[j] * n_ + i]; }

 private:
  void rotate(std::size_t p, std::size_t q);

  std::size_t n_, row_ = 0, sweeps_ = 0;
  bool rotated_ = false;
  std::vector<double> a_, v_;  // v_: eigenvectors as rows
  std::vector<std::size_t> order_;
};

}  // namespace featherfm
