#include "base/normal.h"

#include <algorithm>

#include "base/simd.h"

namespace featherfm {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double root_half = 0.7071067811865476;

// c[0] x^(n-1) + ... + c[n-1]
template <std::size_t n>
double polynomial(const double (&c)[n], double x) {
  double sum = 0;
  for (const double coefficient : c) sum = sum * x + coefficient;
  return sum;
}

// Probability above x >= 0, times e^(x^2 / 2).
double scaled_tail(double x) {
  return x == infinity ? 0 : 0.5 * scaled_erfc(x * root_half);
}

// Standard normal above `low` >= 0.
double tail_draw(Random& random, double low, double high) {
  // That far out the two distributions are the same, and squares may overflow.
  const bool far = low > 1e8;
  const double rate = far ? low : 0.5 * (low + std::sqrt(low * low + 4));
  for (;;) {
    const double x = low - portable_log(1 - random.uniform()) / rate;
    if (x >= high) continue;
    const double distance = x - rate;
    if (far || random.uniform() <= portable_exp(-0.5 * distance * distance)) return x;
  }
}

double uniform_draw(Random& random, double low, double high, double nearest) {
  for (;;) {
    const double x = low + (high - low) * random.uniform();
    if (random.uniform() <= portable_exp(0.5 * (nearest * nearest - x * x))) return x;
  }
}

// 1/2 e^(x^2/2) erfc(x / sqrt 2) for x >= 0: the tail's probability over the density, up to a
// factor. Press et al., "Numerical Recipes", erfcc: relative error below 1.2e-7.
f4 scaled_tail4(f4 x) {
  const f4 t = splat(1) / (splat(1) + splat(0.35355339f) * x);
  f4 y = splat(0.17087277f);
  for (const float c : {-0.82215223f, 1.48851587f, -1.13520398f, 0.27886807f, -0.18628806f,
                        0.09678418f, 0.37409196f, 1.00002368f, -1.26551223f}) {
    y = y * t + splat(c);
  }
  return splat(0.5f) * t * simd::exp4(y);
}

struct Interval4 {
  f4 probability, low_ratio, high_ratio, log_scale;  // log P = log(probability) + log_scale
};

// As normal_interval, both cases at once.
Interval4 interval4(f4 low, f4 high) {
  const i4 mirrored = (low + high) < splat(0);
  const f4 l = simd::select(mirrored, -high, low), h = simd::select(mirrored, -low, high);
  const i4 tail = l >= splat(0);
  const f4 a = simd::select(tail, l, -l);
  const f4 tail_a = scaled_tail4(a), tail_h = scaled_tail4(h);
  const f4 half = splat(0.5f), density = splat(0.39894228f);
  const f4 at_a = simd::exp4(-half * a * a), at_h = simd::exp4(-half * h * h);
  const f4 fall = simd::exp4(half * (a - h) * (a + h));
  f4 p = simd::select(tail, tail_a - fall * tail_h, splat(1) - tail_a * at_a - tail_h * at_h);
  // Where rounding leaves nothing, a little: its logarithm must exist.
  p = simd::select(p > splat(1e-12f), p, splat(1e-12f));
  const f4 low_ratio = density * simd::select(tail, splat(1), at_a) / p;
  const f4 high_ratio = density * simd::select(tail, fall, at_h) / p;
  return {p, simd::select(mirrored, high_ratio, low_ratio),
          simd::select(mirrored, low_ratio, high_ratio),
          simd::select(tail, -half * a * a, splat(0))};
}

double sum_of(f4 v) {
  return double{v[0]} + double{v[1]} + double{v[2]} + double{v[3]};
}

}  // namespace

void normal_cdf(float* x, std::size_t n) {
  for (std::size_t k = 0; k < n; k += 4) {
    const f4 value = load4(x + k);
    const i4 negative = value < splat(0);
    const f4 size = simd::select(negative, -value, value);
    const f4 tail = scaled_tail4(size) * simd::exp4(splat(-0.5f) * size * size);
    at4(x + k) = simd::select(negative, tail, splat(1) - tail);
  }
}

void add_intervals(const float* scores, std::size_t n, float low, float high, IntervalSums& sums) {
  const f4 bottom = splat(std::max(low, -40.0f)), top = splat(std::min(high, 40.0f));
  for (std::size_t begin = 0; begin < n; begin += 256) {
    const std::size_t end = std::min(n, begin + 256);
    f4 log_scale = splat(0), ratio_low = splat(0), ratio_high = splat(0), squares_low = splat(0),
       squares_high = splat(0), both = splat(0);
    double product = 1;
    for (std::size_t k = begin; k < end; k += 4) {
      const std::size_t lanes = std::min<std::size_t>(4, end - k);
      f4 s = splat(0), weight = splat(0);
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        s[lane] = scores[k + lane];
        weight[lane] = 1;
      }
      const f4 l = bottom - s, h = top - s;
      const Interval4 p = interval4(l, h);
      for (std::size_t lane = 0; lane < lanes; ++lane) product *= double{p.probability[lane]};
      if (product < 1e-200) {
        sums.log += portable_log(product);
        product = 1;
      }
      log_scale += weight * p.log_scale;
      ratio_low += weight * p.low_ratio;
      ratio_high += weight * p.high_ratio;
      squares_low += weight * p.low_ratio * (l - p.low_ratio);
      squares_high += weight * p.high_ratio * (h + p.high_ratio);
      both += weight * p.low_ratio * p.high_ratio;
    }
    sums.log += portable_log(product) + sum_of(log_scale);
    sums.low += sum_of(ratio_low);
    sums.high += sum_of(ratio_high);
    sums.low_squares += sum_of(squares_low);
    sums.high_squares += sum_of(squares_high);
    sums.both += sum_of(both);
  }
}

double scaled_erfc(double x) {
  if (x <= 0.46875) {
    static constexpr double p[] = {1.85777706184603153e-1, 3.16112374387056560e0,
                                   1.13864154151050156e2, 3.77485237685302021e2,
                                   3.20937758913846947e3};
    static constexpr double q[] = {1, 2.36012909523441209e1, 2.44024637934444173e2,
                                   1.28261652607737228e3, 2.84423683343917062e3};
    const double square = x * x;
    const double erf = x * polynomial(p, square) / polynomial(q, square);
    return portable_exp(square) * (1 - erf);
  }
  if (x <= 4) {
    static constexpr double p[] = {
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0,
        6.61191906371416295e1,  2.98635138197400131e2,  8.81952221241769090e2,
        1.71204761263407058e3,  2.05107837782607147e3,  1.23033935479799725e3};
    static constexpr double q[] = {1,
                                   1.57449261107098347e1,
                                   1.17693950891312499e2,
                                   5.37181101862009858e2,
                                   1.62138957456669019e3,
                                   3.29079923573345963e3,
                                   4.36261909014324716e3,
                                   3.43936767414372164e3,
                                   1.23033935480374942e3};
    return polynomial(p, x) / polynomial(q, x);
  }
  static constexpr double p[] = {1.63153871373020978e-2, 3.05326634961232344e-1,
                                 3.60344899949804439e-1, 1.25781726111229246e-1,
                                 1.60837851487422766e-2, 6.58749161529837803e-4};
  static constexpr double q[] = {1,
                                 2.56852019228982242e0,
                                 1.87295284992346725e0,
                                 5.27905102951428412e-1,
                                 6.05183413124413191e-2,
                                 2.33520497626869185e-3};
  const double z = 1 / (x * x);
  return (0.5641895835477563 - z * polynomial(p, z) / polynomial(q, z)) / x;
}

double normal_cdf(double x) {
  const double tail = scaled_tail(std::abs(x)) * portable_exp(-0.5 * x * x);
  return x < 0 ? tail : 1 - tail;
}

NormalInterval normal_interval(double low, double high) {
  // Mirrored into the right half, where tails are small.
  if (high < 0 || (low < 0 && low + high < 0)) {
    const NormalInterval mirrored = normal_interval(-high, -low);
    return {mirrored.log_probability, mirrored.high_ratio, mirrored.low_ratio};
  }
  if (low <= 0) {
    // Around the middle: nothing cancels, nothing is small.
    const double p = normal_cdf(high) - normal_cdf(low);
    return {portable_log(p), normal_density(low) / p,
            high == infinity ? 0 : normal_density(high) / p};
  }
  // Both ends right of the middle: everything relative to the density at `low`.
  const double fall = high == infinity ? 0 : portable_exp(0.5 * (low - high) * (low + high));
  const double p = scaled_tail(low) - fall * scaled_tail(high);
  const double density = 0.3989422804014327;
  return {portable_log(p) - 0.5 * low * low, density / p, density * fall / p};
}

double truncated_normal(Random& random, double low, double high) {
  if (!(low < high)) return low;  // the ends met in rounding
  if (low + high < 0) return -truncated_normal(random, -high, -low);
  // From here on more of the interval lies right of the middle than left of it.
  if (low >= 0) {
    // A short piece of the tail is nearly flat; a long one falls exponentially.
    const bool flat = (high - low) * (low + std::sqrt(low * low + 4)) < 2;
    return flat ? uniform_draw(random, low, high, low) : tail_draw(random, low, high);
  }
  if (high - low < 2) return uniform_draw(random, low, high, 0);
  for (;;) {
    const double x = random.normal();
    if (x > low && x < high) return x;
  }
}

}  // namespace featherfm
