#include "base/gram.h"

#include <algorithm>

#include "base/simd.h"

namespace featherfm {
namespace {

// The block of `columns` x 4 at (i, j): vectors run over the rows and stay in registers.
template <std::size_t columns>
void add_block(const float* rows, std::size_t count, std::size_t stride, std::size_t i,
               std::size_t j, Matrix& a) {
  constexpr std::size_t wide = columns / 4;
  f4 sums[4][wide] = {};
  for (std::size_t r = 0; r < count; ++r) {
    const float* const row = rows + r * stride;
    f4 right[wide];
    for (std::size_t w = 0; w < wide; ++w) right[w] = load4(row + j + 4 * w);
    for (std::size_t k = 0; k < 4; ++k) {
      const f4 left = splat(row[i + k]);
      for (std::size_t w = 0; w < wide; ++w) sums[k][w] += left * right[w];
    }
  }
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t w = 0; w < wide; ++w) at4(a.row(i + k) + j + 4 * w) += sums[k][w];
  }
}

}  // namespace

void add_outer_products(const float* rows, std::size_t count, std::size_t stride, Matrix& a) {
  for (std::size_t i = 0; i < stride; i += 4) {
    std::size_t j = 0;
    for (; j + 4 <= i; j += 8) add_block<8>(rows, count, stride, i, j, a);
    if (j <= i) add_block<4>(rows, count, stride, i, j, a);
  }
}

GramSum::GramSum(std::size_t width)
    : width_(width), stride_(padded(width)), piece_(stride_, width), sum_(stride_ * stride_) {}

void GramSum::clear() {
  next_row_ = 0;
  std::fill(sum_.begin(), sum_.end(), 0.0);
}

bool GramSum::add_rows(const Matrix& rows) {
  constexpr std::size_t most = 256;
  const std::size_t count = std::min(most, rows.rows() - next_row_);
  std::fill(piece_.storage().begin(), piece_.storage().end(), 0.0f);
  if (rows.columns() == width_) {
    add_outer_products(rows.row(next_row_), count, stride_, piece_);
  } else {
    Matrix narrow(count, width_);
    for (std::size_t r = 0; r < count; ++r) {
      std::copy_n(rows.row(next_row_ + r), width_, narrow.row(r));
    }
    add_outer_products(narrow.row(0), count, stride_, piece_);
  }
  for (std::size_t j = 0; j < width_; ++j) {
    for (std::size_t k = 0; k <= j; ++k) sum_[j * stride_ + k] += double{piece_.row(j)[k]};
  }
  next_row_ += count;
  return next_row_ == rows.rows();
}

Matrix GramSum::scaled(float scale) const {
  Matrix result(stride_, width_);
  for (std::size_t j = 0; j < width_; ++j) {
    for (std::size_t k = 0; k <= j; ++k) {
      const auto entry = static_cast<float>(double{scale} * sum_[j * stride_ + k]);
      result.row(j)[k] = result.row(k)[j] = entry;
    }
  }
  return result;
}

double GramSum::inner_product(const GramSum& other) const {
  double sum = 0;
  for (std::size_t j = 0; j < width_; ++j) {
    for (std::size_t k = 0; k <= j; ++k) {
      const double product = sum_[j * stride_ + k] * other.sum_[j * stride_ + k];
      sum += j == k ? product : 2 * product;
    }
  }
  return sum;
}

}  // namespace featherfm
