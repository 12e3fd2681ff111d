#include "base/panel.h"

#include <cmath>

namespace featherfm {

void add_scaled(double a, const double* x, double* y, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) y[j] += a * x[j];
}

void Panel::draw(std::size_t row, Random& random) {
  for (const std::size_t end = end_of_piece(row); row < end; ++row) {
    for (std::size_t j = 0; j < width_; ++j) this->row(row)[j] = random.normal();
  }
}

void Panel::add_gram(std::size_t row, std::vector<double>& gram) const {
  for (const std::size_t end = end_of_piece(row); row < end; ++row) {
    const double* const x = this->row(row);
    for (std::size_t i = 0; i < width_; ++i) add_scaled(x[i], x, &gram[i * width_], i + 1);
  }
}

void Panel::orthonormalize(const std::vector<double>& lower, std::size_t row) {
  for (const std::size_t end = end_of_piece(row); row < end; ++row) {
    double* const x = this->row(row);
    for (std::size_t j = 0; j < width_; ++j) {
      const double* const l = &lower[j * width_];
      double sum = x[j];
      for (std::size_t k = 0; k < j; ++k) sum -= l[k] * x[k];
      x[j] = l[j] > 0 ? sum / l[j] : 0;
    }
  }
}

double Panel::product(std::size_t row, const std::vector<double>& w) const {
  const double* const x = this->row(row);
  double sum = 0;
  for (std::size_t j = 0; j < w.size(); ++j) sum += x[j] * w[j];
  return sum;
}

void factorize_gram(std::vector<double>& gram, std::size_t width) {
  double largest = 0;
  for (std::size_t j = 0; j < width; ++j) largest = std::max(largest, gram[j * width + j]);
  for (std::size_t j = 0; j < width; ++j) {
    double* const row = &gram[j * width];
    for (std::size_t i = 0; i < j; ++i) {
      const double* const above = &gram[i * width];
      double sum = row[i];
      for (std::size_t k = 0; k < i; ++k) sum -= row[k] * above[k];
      row[i] = above[i] > 0 ? sum / above[i] : 0;
    }
    double pivot = row[j];
    for (std::size_t k = 0; k < j; ++k) pivot -= row[k] * row[k];
    row[j] = pivot > 1e-13 * largest ? std::sqrt(pivot) : 0;
  }
}

std::vector<double> symmetric(std::vector<double> lower, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) {
    for (std::size_t j = i + 1; j < width; ++j) lower[i * width + j] = lower[j * width + i];
  }
  return lower;
}

}  // namespace featherfm
