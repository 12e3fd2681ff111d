// A sum of cross-entropies at the cost of one logarithm for many.
#pragma once

#include <cmath>

#include "base/portable_math.h"
#include "base/simd.h"

namespace featherfm {

// Cross-entropy needs a logarithm per rating. log(1 + e^-|s|) is summed as the logarithm of a
// product, which holds a few hundred factors of at most 2 before it wants taking: one logarithm per
// block.
class CrossEntropySum {
 public:
  void add(float score, float target, float weight) {
    const float magnitude = std::abs(score);
    sum_ += double{weight} * (double{score > 0 ? score : 0} - double{target} * double{score});
    const double factor = 1.0 + double{scalar::exp1(-magnitude)};
    if (weight == 1) {
      product_ *= factor;
      if (product_ > 1e300) flush();
    } else {
      sum_ += double{weight} * portable_log(factor);
    }
  }
  double total() {
    flush();
    return sum_;
  }

 private:
  void flush() {
    sum_ += portable_log(product_);
    product_ = 1;
  }
  double sum_ = 0, product_ = 1;
};

}  // namespace featherfm
