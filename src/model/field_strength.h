// How much weight a field of a model carries.
#pragma once

#include <cmath>
#include <cstdint>

namespace featherfm {

// Root mean squares over the columns of a field that are not zero.
struct FieldStrength {
  double linear = 0, factors = 0;  // of the weights without factors; of the lengths of the factors
  std::uint32_t used = 0;          // columns with any parameter that is not 0

  // One column, first of all: its weight, and the square of its factors' length.
  void add(double weight, double square) {
    if (weight == 0 && square == 0) return;
    linear += weight * weight;
    factors += square;
    ++used;
  }
  // After all columns: from sums of squares to their root means.
  FieldStrength root_means() const {
    const double count = used > 0 ? used : 1;
    return {std::sqrt(linear / count), std::sqrt(factors / count), used};
  }
};

}  // namespace featherfm
