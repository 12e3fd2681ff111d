// Elementary functions in double that give the same bits on every platform: libm differs in the
// last place between glibc, musl and others. Only +, -, *, / and bit operations, so IEEE arithmetic
// fixes the result.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace featherfm {

// Natural logarithm, within 2 ulp, for positive normal x. log x = e ln 2 + 2 atanh((m - 1) / (m +
// 1)), x = m 2^e.
inline double portable_log(double x) {
  if (!(x > 0)) return x == 0 ? -std::numeric_limits<double>::infinity() : std::nan("");
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
  auto mantissa = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  if (mantissa > 1.4142135623730951) {
    mantissa *= 0.5;
    ++exponent;
  }
  const double s = (mantissa - 1) / (mantissa + 1);
  const double s2 = s * s;
  double series = 0;
  for (int odd = 23; odd >= 3; odd -= 2) series = (series + 1.0 / odd) * s2;
  return static_cast<double>(exponent) * 0.6931471805599453 + 2 * (s + s * series);
}

// e^x, within 2 ulp; 0 and infinity beyond the range of double. x = n ln 2 + r, e^r by its Taylor
// series.
inline double portable_exp(double x) {
  if (x != x) return x;
  if (x > 709.7) return std::numeric_limits<double>::infinity();
  if (x < -708) return 0;
  const double n = std::nearbyint(x * 1.4426950408889634);
  // ln 2 in two parts, so that r loses no digits.
  const double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  double series = 1;
  for (int k = 13; k >= 1; --k) series = 1 + series * r / k;
  const auto power = static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + 1023) << 52;
  return series * std::bit_cast<double>(power);
}

// x^y for x > 0.
inline double portable_pow(double x, double y) {
  return portable_exp(y * portable_log(x));
}

// 1 / (1 + e^-x)
inline double portable_sigmoid(double x) {
  return 1 / (1 + portable_exp(-x));
}

// log(1 + e^x) without overflow.
inline double softplus(double x) {
  const double tail = portable_log(1 + portable_exp(x > 0 ? -x : x));
  return x > 0 ? x + tail : tail;
}

}  // namespace featherfm
