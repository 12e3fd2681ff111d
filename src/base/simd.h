// The inner loops of training and serving, four floats wide.
//
// GCC's and Clang's vector extensions compile to WebAssembly simd128, SSE and NEON from one source,
// without intrinsics (measured: Eigen expressions reach a fifth of this speed in WebAssembly).
// Every kernel has a scalar twin that does the same operations in the same order and gives the same
// bits; the tests run both. Contraction to FMA is switched off by the build, because it would
// change results between machines.
//
// All lengths `n` are padded lengths: multiples of 4, with zeros behind the real columns. Rows are
// 16-byte aligned and do not overlap.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace featherfm {

using f4 = float __attribute__((vector_size(16), may_alias));
using i4 = std::int32_t __attribute__((vector_size(16), may_alias));

inline f4 splat(float x) {
  return f4{x, x, x, x};
}
inline const f4& load4(const float* p) {
  return *reinterpret_cast<const f4*>(p);
}
inline f4& at4(float* p) {
  return *reinterpret_cast<f4*>(p);
}
// Lanes are added as (0 + 2) + (1 + 3): two shuffles, and the order every twin repeats.
inline float sum4(f4 v) {
  return (v[0] + v[2]) + (v[1] + v[3]);
}

// Constants of exp: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by a degree-6 minimax-like polynomial
// (Cephes' expf, with the same split of ln 2). Arguments are limited to the range in which the
// result is a normal float.
struct ExpConstants {
  static constexpr float low = -87.33654f, high = 88.37626f, log2e = 1.44269504f;
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr float round =
      12582912.0f;  // 1.5 * 2^23: adding and taking away rounds to nearest
  static constexpr float c5 = 1.9875691500e-4f, c4 = 1.3981999507e-3f, c3 = 8.3334519073e-3f,
                         c2 = 4.1665795894e-2f, c1 = 1.6666665459e-1f, c0 = 5.0000001201e-1f;
};

// Keep a division by the root of an untouched accumulator finite.
inline constexpr float adagrad_epsilon = 1e-8f, adam_epsilon = 1e-8f;

namespace simd {

// <a, b>. Two accumulators hide the latency of the addition.
inline float dot(const float* a, const float* b, std::size_t n) {
  f4 even = splat(0), odd = splat(0);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    even += load4(a + i) * load4(b + i);
    odd += load4(a + i + 4) * load4(b + i + 4);
  }
  if (i < n) even += load4(a + i) * load4(b + i);
  return sum4(even + odd);
}

// <a, row> of four rows at once: each piece of `a` is loaded once.
inline f4 dot_four(const float* a, const float* row0, const float* row1, const float* row2,
                   const float* row3, std::size_t n) {
  f4 sum0 = splat(0), sum1 = splat(0), sum2 = splat(0), sum3 = splat(0);
  for (std::size_t i = 0; i < n; i += 4) {
    const f4 piece = load4(a + i);
    sum0 += piece * load4(row0 + i);
    sum1 += piece * load4(row1 + i);
    sum2 += piece * load4(row2 + i);
    sum3 += piece * load4(row3 + i);
  }
  return f4{sum4(sum0), sum4(sum1), sum4(sum2), sum4(sum3)};
}

// y <- y + sum of four rows times their factors: y is loaded and stored once.
inline void axpy_four(f4 factors, const float* row0, const float* row1, const float* row2,
                      const float* row3, float* __restrict y, std::size_t n) {
  const f4 a0 = splat(factors[0]), a1 = splat(factors[1]), a2 = splat(factors[2]),
           a3 = splat(factors[3]);
  for (std::size_t i = 0; i < n; i += 4) {
    at4(y + i) += (a0 * load4(row0 + i) + a1 * load4(row1 + i)) +
                  (a2 * load4(row2 + i) + a3 * load4(row3 + i));
  }
}

// One SGD step on both rows from the same old values:
//   p <- decay_p p + step q,   q <- decay_q q + step p
// with decay = 1 - learningRate lambda and step = learningRate error.
inline void sgd_step(float* __restrict p, float* __restrict q, float step, float decay_p,
                     float decay_q, std::size_t n) {
  const f4 s = splat(step), dp = splat(decay_p), dq = splat(decay_q);
  for (std::size_t i = 0; i < n; i += 4) {
    const f4 old_p = load4(p + i), old_q = load4(q + i);
    at4(p + i) = dp * old_p + s * old_q;
    at4(q + i) = dq * old_q + s * old_p;
  }
}

// y <- y + a x
inline void axpy(float a, const float* __restrict x, float* __restrict y, std::size_t n) {
  const f4 factor = splat(a);
  for (std::size_t i = 0; i < n; i += 4) at4(y + i) += factor * load4(x + i);
}

// y <- b y + a x
inline void scaled_add(float a, const float* __restrict x, float b, float* __restrict y,
                       std::size_t n) {
  const f4 fa = splat(a), fb = splat(b);
  for (std::size_t i = 0; i < n; i += 4) at4(y + i) = fb * load4(y + i) + fa * load4(x + i);
}

// Lane by lane; compilers make one instruction of it, and IEEE roots are exact everywhere.
inline f4 sqrt4(f4 v) {
  return f4{std::sqrt(v[0]), std::sqrt(v[1]), std::sqrt(v[2]), std::sqrt(v[3])};
}

// One AdaGrad step on both rows from the same old values; g the gradient of 1/2 error^2 + 1/2
// lambda |row|^2:
//   g = lambda p - error q,   G <- G + g^2,   p <- p - rate g / sqrt(G + epsilon)
inline void adagrad_step(float* __restrict p, float* __restrict q, float* __restrict squares_p,
                         float* __restrict squares_q, float error, float rate, float lambda_p,
                         float lambda_q, std::size_t n) {
  const f4 e = splat(error), r = splat(rate), lp = splat(lambda_p), lq = splat(lambda_q);
  for (std::size_t i = 0; i < n; i += 4) {
    const f4 old_p = load4(p + i), old_q = load4(q + i);
    const f4 gp = lp * old_p - e * old_q, gq = lq * old_q - e * old_p;
    at4(squares_p + i) += gp * gp;
    at4(squares_q + i) += gq * gq;
    at4(p + i) = old_p - r * gp / sqrt4(load4(squares_p + i) + splat(adagrad_epsilon));
    at4(q + i) = old_q - r * gq / sqrt4(load4(squares_q + i) + splat(adagrad_epsilon));
  }
}

// One Adam step on a row whose gradient is lambda p - error q, with `other` the old q:
//   m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2,   p <- p - rate m / (sqrt(v scale) +
//   epsilon)
// `rate` carries the bias correction of m, `scale` that of v.
inline void adam_step(float* __restrict p, const float* __restrict other, float* __restrict mean,
                      float* __restrict square, float error, float lambda, float rate, float scale,
                      float beta1, float beta2, std::size_t n) {
  const f4 e = splat(error), l = splat(lambda), r = splat(rate), c = splat(scale);
  const f4 b1 = splat(beta1), b2 = splat(beta2), a1 = splat(1 - beta1), a2 = splat(1 - beta2);
  for (std::size_t i = 0; i < n; i += 4) {
    const f4 g = l * load4(p + i) - e * load4(other + i);
    const f4 m = b1 * load4(mean + i) + a1 * g;
    const f4 v = b2 * load4(square + i) + a2 * (g * g);
    at4(mean + i) = m;
    at4(square + i) = v;
    at4(p + i) -= r * m / (sqrt4(v * c) + splat(adam_epsilon));
  }
}

inline f4 select(i4 mask, f4 yes, f4 no) {
  return std::bit_cast<f4>((mask & std::bit_cast<i4>(yes)) | (~mask & std::bit_cast<i4>(no)));
}

inline f4 exp4(f4 x) {
  using C = ExpConstants;
  x = select(x < splat(C::low), splat(C::low), x);
  x = select(x > splat(C::high), splat(C::high), x);
  const f4 shifted = x * splat(C::log2e) + splat(C::round);
  const f4 n = shifted - splat(C::round);
  const f4 r = (x - n * splat(C::ln2_high)) - n * splat(C::ln2_low);
  f4 y = splat(C::c5);
  y = y * r + splat(C::c4);
  y = y * r + splat(C::c3);
  y = y * r + splat(C::c2);
  y = y * r + splat(C::c1);
  y = y * r + splat(C::c0);
  y = (y * (r * r) + r) + splat(1);
  // The low bits of `shifted` hold n; moved into the exponent field they multiply by 2^n.
  const i4 power = (std::bit_cast<i4>(shifted) << 23) + (127 << 23);
  return y * std::bit_cast<f4>(power);
}

// x <- e^x, relative error below 2e-7 for x in [-87.3, 88.3]; beyond, the value at the end of that
// range.
inline void exp(float* x, std::size_t n) {
  for (std::size_t i = 0; i < n; i += 4) at4(x + i) = exp4(load4(x + i));
}

// How many of x are not below `least`; NaN counts as below.
inline std::uint32_t count_from(const float* x, float least, std::size_t n) {
  i4 minus = {0, 0, 0, 0};
  for (std::size_t i = 0; i < n; i += 4) {
    minus += std::bit_cast<i4>(load4(x + i) >= splat(least));
  }
  return static_cast<std::uint32_t>(-(minus[0] + minus[1] + minus[2] + minus[3]));
}

// x <- 1 / (1 + e^-x)
inline void sigmoid(float* x, std::size_t n) {
  for (std::size_t i = 0; i < n; i += 4) {
    at4(x + i) = splat(1) / (splat(1) + exp4(-load4(x + i)));
  }
}

}  // namespace simd

namespace scalar {

inline f4 dot_four(const float* a, const float* row0, const float* row1, const float* row2,
                   const float* row3, std::size_t n) {
  f4 result;
  const float* const rows[4] = {row0, row1, row2, row3};
  for (int r = 0; r < 4; ++r) {
    float sum[4] = {0, 0, 0, 0};
    for (std::size_t i = 0; i < n; ++i) sum[i % 4] += a[i] * rows[r][i];
    result[r] = (sum[0] + sum[2]) + (sum[1] + sum[3]);
  }
  return result;
}

inline void axpy_four(f4 factors, const float* row0, const float* row1, const float* row2,
                      const float* row3, float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    y[i] += (factors[0] * row0[i] + factors[1] * row1[i]) +
            (factors[2] * row2[i] + factors[3] * row3[i]);
  }
}

inline float dot(const float* a, const float* b, std::size_t n) {
  float even[4] = {0, 0, 0, 0}, odd[4] = {0, 0, 0, 0};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t lane = 0; lane < 4; ++lane) {
      even[lane] += a[i + lane] * b[i + lane];
      odd[lane] += a[i + 4 + lane] * b[i + 4 + lane];
    }
  }
  if (i < n) {
    for (std::size_t lane = 0; lane < 4; ++lane) even[lane] += a[i + lane] * b[i + lane];
  }
  for (std::size_t lane = 0; lane < 4; ++lane) even[lane] += odd[lane];
  return (even[0] + even[2]) + (even[1] + even[3]);
}

inline void sgd_step(float* p, float* q, float step, float decay_p, float decay_q, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const float old_p = p[i], old_q = q[i];
    p[i] = decay_p * old_p + step * old_q;
    q[i] = decay_q * old_q + step * old_p;
  }
}

inline void axpy(float a, const float* x, float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) y[i] += a * x[i];
}

inline void scaled_add(float a, const float* x, float b, float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) y[i] = b * y[i] + a * x[i];
}

inline void adagrad_step(float* p, float* q, float* squares_p, float* squares_q, float error,
                         float rate, float lambda_p, float lambda_q, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const float old_p = p[i], old_q = q[i];
    const float gp = lambda_p * old_p - error * old_q, gq = lambda_q * old_q - error * old_p;
    squares_p[i] += gp * gp;
    squares_q[i] += gq * gq;
    p[i] = old_p - rate * gp / std::sqrt(squares_p[i] + adagrad_epsilon);
    q[i] = old_q - rate * gq / std::sqrt(squares_q[i] + adagrad_epsilon);
  }
}

inline void adam_step(float* p, const float* other, float* mean, float* square, float error,
                      float lambda, float rate, float scale, float beta1, float beta2,
                      std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const float g = lambda * p[i] - error * other[i];
    mean[i] = beta1 * mean[i] + (1 - beta1) * g;
    square[i] = beta2 * square[i] + (1 - beta2) * (g * g);
    p[i] -= rate * mean[i] / (std::sqrt(square[i] * scale) + adam_epsilon);
  }
}

inline std::uint32_t count_from(const float* x, float least, std::size_t n) {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < n; ++i) count += x[i] >= least ? 1 : 0;
  return count;
}

inline float exp1(float x) {
  using C = ExpConstants;
  if (x < C::low) x = C::low;
  if (x > C::high) x = C::high;
  const float shifted = x * C::log2e + C::round;
  const float n = shifted - C::round;
  const float r = (x - n * C::ln2_high) - n * C::ln2_low;
  float y = C::c5;
  y = y * r + C::c4;
  y = y * r + C::c3;
  y = y * r + C::c2;
  y = y * r + C::c1;
  y = y * r + C::c0;
  y = (y * (r * r) + r) + 1.0f;
  const auto power = (std::bit_cast<std::uint32_t>(shifted) << 23) + (127u << 23);
  return y * std::bit_cast<float>(power);
}

inline void exp(float* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) x[i] = exp1(x[i]);
}

inline float sigmoid1(float x) {
  return 1.0f / (1.0f + exp1(-x));
}

inline void sigmoid(float* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) x[i] = sigmoid1(x[i]);
}

}  // namespace scalar

}  // namespace featherfm
