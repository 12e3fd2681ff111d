// The normal distribution: density, distribution function and draws from a part of it, with the
// same bits on every platform and without loss of digits in the tails.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "base/portable_math.h"
#include "base/random.h"

namespace featherfm {

// e^(x^2) erfc(x) for x >= 0, by Cody's rational approximations (Mathematics of Computation 23,
// 1969), relative error about 1e-15.
double scaled_erfc(double x);

// Probability of a standard normal variable below x.
double normal_cdf(double x);

// x <- probability below x; absolute error below 2e-7. `n` as in simd.h.
void normal_cdf(float* x, std::size_t n);

// Density of the standard normal distribution.
inline double normal_density(double x) {
  return 0.3989422804014327 * portable_exp(-0.5 * x * x);
}

// Logarithm of the probability of (low, high) under the standard normal distribution, and the
// densities at its ends divided by that probability. Ends may be infinite; low < high. Exact in the
// tails, where density and probability are both too small for a double.
struct NormalInterval {
  double log_probability, low_ratio, high_ratio;
};
NormalInterval normal_interval(double low, double high);

// Over scores s: the logarithm of the probability of (low - s, high - s), and of its derivatives.
// The ratios are those of NormalInterval, l = low - s, h = high - s.
struct IntervalSums {
  double log = 0;
  double low = 0, high = 0;  // low_ratio, high_ratio
  double low_squares = 0,
         high_squares = 0;  // low_ratio (l - low_ratio), high_ratio (h + high_ratio)
  double both = 0;          // low_ratio high_ratio
};
// Adds `n` scores. Four at a time in float, each to about six digits; ends beyond +-40 count as
// infinite.
void add_intervals(const float* scores, std::size_t n, float low, float high, IntervalSums& sums);

// A standard normal variable, given that it lies in (low, high); ends may be infinite. By rejection
// (Robert 1995, "Simulation of truncated normal variables").
double truncated_normal(Random& random, double low, double high);

}  // namespace featherfm
