#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/matrix.h"
#include "base/portable_math.h"
#include "base/random.h"
#include "base/simd.h"

using namespace featherfm;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t longest = 136;

// Of all magnitudes from denormal to 1e19, positive and negative, a few of them zero.
AlignedFloats mixed_values(std::size_t n, Random& random) {
  AlignedFloats values(n);
  for (float& value : values) {
    const auto exponent = static_cast<int>(random.below(200)) - 136;
    value = random.below(16) == 0
                ? 0.0f
                : static_cast<float>(std::ldexp(random.uniform() - 0.5, exponent));
  }
  return values;
}

AlignedFloats ordinary_values(std::size_t n, Random& random) {
  AlignedFloats values(n);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// The bits of a NaN are left open by IEEE 754 and by WebAssembly; all else has to agree in every
// bit.
bool same_bits(float a, float b) {
  if (std::isnan(a) && std::isnan(b)) return true;
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

bool same_bits(const AlignedFloats& a, const AlignedFloats& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_bits(a[i], b[i])) return false;
  }
  return true;
}

// Calls check(n, make) for every padded length and several draws of values; make(n) gives fresh
// values.
template <class Check>
void for_many_sizes_and_values(Check check) {
  Random random(11);
  for (std::size_t n = 0; n <= longest; n += 4) {
    for (int draw = 0; draw < 3; ++draw) {
      check(n, random, [&](std::size_t size) { return ordinary_values(size, random); });
      check(n, random, [&](std::size_t size) { return mixed_values(size, random); });
    }
  }
}

float draw_scalar(Random& random) {
  return static_cast<float>(random.normal());
}

double ulps_apart(double a, double b) {
  const auto bits_a = std::bit_cast<std::int64_t>(a), bits_b = std::bit_cast<std::int64_t>(b);
  return std::abs(static_cast<double>(bits_a - bits_b));
}

// simd::exp on one value.
float exp_of(float x) {
  AlignedFloats values(4, x);
  simd::exp(values.data(), 4);
  return values[0];
}

float sigmoid_of(float x) {
  AlignedFloats values(4, x);
  simd::sigmoid(values.data(), 4);
  return values[0];
}

}  // namespace

TEST_CASE("the dot product equals its scalar twin bit for bit") {
  for_many_sizes_and_values([](std::size_t n, Random&, auto make) {
    const AlignedFloats a = make(n), b = make(n);
    CHECK(same_bits(simd::dot(a.data(), b.data(), n), scalar::dot(a.data(), b.data(), n)));
  });
}

TEST_CASE("the dot product of whole numbers is exact") {
  AlignedFloats a(longest), b(longest);
  for (std::size_t n = 0; n <= longest; n += 4) {
    float expected = 0;
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = static_cast<float>(i % 7) - 3;
      b[i] = static_cast<float>(i % 5) - 1;
      expected += a[i] * b[i];
    }
    CHECK(simd::dot(a.data(), b.data(), n) == expected);
  }
}

TEST_CASE("the SGD step equals its scalar twin bit for bit") {
  for_many_sizes_and_values([](std::size_t n, Random& random, auto make) {
    AlignedFloats p = make(n), q = make(n);
    AlignedFloats twin_p = p, twin_q = q;
    const float step = draw_scalar(random), decay_p = draw_scalar(random);
    const float decay_q = draw_scalar(random);
    simd::sgd_step(p.data(), q.data(), step, decay_p, decay_q, n);
    scalar::sgd_step(twin_p.data(), twin_q.data(), step, decay_p, decay_q, n);
    CHECK(same_bits(p, twin_p));
    CHECK(same_bits(q, twin_q));
  });
}

TEST_CASE("adding multiples of a row equals the scalar twins bit for bit") {
  for_many_sizes_and_values([](std::size_t n, Random& random, auto make) {
    const AlignedFloats x = make(n);
    AlignedFloats y = make(n);
    AlignedFloats twin = y;
    const float a = draw_scalar(random), b = draw_scalar(random);
    simd::axpy(a, x.data(), y.data(), n);
    scalar::axpy(a, x.data(), twin.data(), n);
    CHECK(same_bits(y, twin));
    simd::scaled_add(a, x.data(), b, y.data(), n);
    scalar::scaled_add(a, x.data(), b, twin.data(), n);
    CHECK(same_bits(y, twin));
  });
}

TEST_CASE("products and sums of four rows at once equal their scalar twins bit for bit") {
  for_many_sizes_and_values([](std::size_t n, Random& random, auto make) {
    const AlignedFloats a = make(n), r0 = make(n), r1 = make(n), r2 = make(n), r3 = make(n);
    AlignedFloats y = make(n), twin = y;
    const f4 products = simd::dot_four(a.data(), r0.data(), r1.data(), r2.data(), r3.data(), n);
    const f4 expected = scalar::dot_four(a.data(), r0.data(), r1.data(), r2.data(), r3.data(), n);
    for (int r = 0; r < 4; ++r) CHECK(same_bits(products[r], expected[r]));
    const f4 factors{draw_scalar(random), draw_scalar(random), draw_scalar(random),
                     draw_scalar(random)};
    simd::axpy_four(factors, r0.data(), r1.data(), r2.data(), r3.data(), y.data(), n);
    scalar::axpy_four(factors, r0.data(), r1.data(), r2.data(), r3.data(), twin.data(), n);
    CHECK(same_bits(y, twin));
  });
}

TEST_CASE("the AdaGrad step equals its scalar twin bit for bit") {
  for_many_sizes_and_values([](std::size_t n, Random& random, auto make) {
    AlignedFloats p = make(n), q = make(n), squares_p(n), squares_q(n);
    AlignedFloats twin_p = p, twin_q = q, twin_squares_p(n), twin_squares_q(n);
    for (int repeat = 0; repeat < 3; ++repeat) {  // from untouched accumulators onwards
      const float error = draw_scalar(random);
      simd::adagrad_step(p.data(), q.data(), squares_p.data(), squares_q.data(), error, 0.1f, 0.02f,
                         0.03f, n);
      scalar::adagrad_step(twin_p.data(), twin_q.data(), twin_squares_p.data(),
                           twin_squares_q.data(), error, 0.1f, 0.02f, 0.03f, n);
    }
    CHECK(same_bits(p, twin_p));
    CHECK(same_bits(q, twin_q));
    CHECK(same_bits(squares_p, twin_squares_p));
    CHECK(same_bits(squares_q, twin_squares_q));
  });
}

TEST_CASE("the Adam step equals its scalar twin bit for bit") {
  for_many_sizes_and_values([](std::size_t n, Random& random, auto make) {
    const AlignedFloats other = make(n);
    AlignedFloats p = make(n), mean(n), square(n);
    AlignedFloats twin_p = p, twin_mean(n), twin_square(n);
    for (int repeat = 0; repeat < 3; ++repeat) {
      const float error = draw_scalar(random);
      simd::adam_step(p.data(), other.data(), mean.data(), square.data(), error, 0.02f, 0.1f, 1.7f,
                      0.9f, 0.999f, n);
      scalar::adam_step(twin_p.data(), other.data(), twin_mean.data(), twin_square.data(), error,
                        0.02f, 0.1f, 1.7f, 0.9f, 0.999f, n);
    }
    CHECK(same_bits(p, twin_p));
    CHECK(same_bits(mean, twin_mean));
    CHECK(same_bits(square, twin_square));
  });
}

TEST_CASE("no step moves a padding zero") {
  AlignedFloats p(4), q(4), m(4), v(4), w(4), zero(4);
  simd::sgd_step(p.data(), q.data(), 0.3f, 0.9f, 0.8f, 4);
  simd::adagrad_step(p.data(), q.data(), m.data(), v.data(), 0.3f, 0.1f, 0.2f, 0.2f, 4);
  simd::adam_step(p.data(), q.data(), m.data(), w.data(), 0.3f, 0.1f, 0.1f, 10, 0.9f, 0.999f, 4);
  for (const AlignedFloats* row : {&p, &q, &m, &v, &w}) CHECK(same_bits(*row, zero));
}

TEST_CASE("exp and sigmoid equal their scalar twins bit for bit, also at the edges") {
  AlignedFloats values;
  for (float x = -120; x < 120; x += 0.0371f) values.push_back(x);
  for (const float edge :
       {0.0f, -0.0f, ExpConstants::low, ExpConstants::high, std::nextafter(ExpConstants::low, 0.0f),
        std::nextafter(ExpConstants::low, -infinity), std::nextafter(ExpConstants::high, 0.0f),
        std::nextafter(ExpConstants::high, infinity), 0.34657359f, -0.34657359f, 1e-45f, 1e-38f,
        1e30f, -1e30f, infinity, -infinity, not_a_number, -not_a_number}) {
    values.push_back(edge);
  }
  values.resize(padded(values.size()));
  AlignedFloats twin = values, sigmoids = values, twin_sigmoids = values;
  simd::exp(values.data(), values.size());
  scalar::exp(twin.data(), twin.size());
  CHECK(same_bits(values, twin));
  simd::sigmoid(sigmoids.data(), sigmoids.size());
  scalar::sigmoid(twin_sigmoids.data(), twin_sigmoids.size());
  CHECK(same_bits(sigmoids, twin_sigmoids));
}

TEST_CASE("exp is right to 2e-7 over its whole range") {
  double worst = 0;
  for (double x = -87.3; x <= 88.3; x += 0.0003) {
    const auto argument = static_cast<float>(x);
    const double exact = std::exp(double{argument});
    worst = std::max(worst, std::abs(exp_of(argument) - exact) / exact);
  }
  CHECK(worst < 2e-7);
}

TEST_CASE("exp of zero is one, and beyond its range the value at the end of the range") {
  CHECK(exp_of(0) == 1);
  CHECK(exp_of(-1000) == exp_of(ExpConstants::low));
  CHECK(exp_of(-infinity) == exp_of(ExpConstants::low));
  CHECK(std::isnormal(exp_of(ExpConstants::low)));
  CHECK(exp_of(1000) == exp_of(ExpConstants::high));
  CHECK(exp_of(infinity) == exp_of(ExpConstants::high));
  CHECK(std::isnormal(exp_of(ExpConstants::high)));
}

TEST_CASE("counting what is not below a number equals the scalar twin") {
  Random random(11);
  for (std::size_t n = 0; n <= longest; n += 4) {
    AlignedFloats values = ordinary_values(n, random);
    for (std::size_t i = 0; i < n; i += 3) values[i] = i % 2 == 0 ? 0.5f : -infinity;
    if (n > 8) values[7] = not_a_number;
    for (const float least : {0.5f, 0.0f, -infinity, infinity, not_a_number}) {
      CHECK(simd::count_from(values.data(), least, n) ==
            scalar::count_from(values.data(), least, n));
    }
  }
  const AlignedFloats four{1, 2, 3, not_a_number};
  CHECK(simd::count_from(four.data(), 2, 4) == 2);
}

TEST_CASE("NaN goes through exp and sigmoid as NaN") {
  CHECK(std::isnan(exp_of(not_a_number)));
  CHECK(std::isnan(sigmoid_of(not_a_number)));
}

TEST_CASE("sigmoid is right to float precision and stays within 0 and 1") {
  double worst = 0;
  for (double x = -86; x <= 86; x += 0.0003) {
    const auto argument = static_cast<float>(x);
    const double exact = 1 / (1 + std::exp(-double{argument}));
    worst = std::max(worst, std::abs(sigmoid_of(argument) - exact) / exact);
  }
  CHECK(worst < 4e-7);
  CHECK(sigmoid_of(0) == 0.5f);
  CHECK(sigmoid_of(infinity) == 1);
  CHECK(sigmoid_of(-infinity) >= 0);
  CHECK(sigmoid_of(-infinity) < 1e-37f);
}

TEST_CASE("the portable logarithm is within 2 ulp of the C library's") {
  Random random(5);
  double worst = 0;
  for (int k = 0; k < 200'000; ++k) {
    // Close to 1, where digits could cancel, and over all magnitudes.
    const double x = k % 2 == 0 ? 0.5 + random.uniform()
                                : std::ldexp(0.5 + random.uniform(),
                                             static_cast<int>(random.below(2000)) - 1000);
    if (x != 1) worst = std::max(worst, ulps_apart(portable_log(x), std::log(x)));
  }
  CHECK(worst <= 2);
  CHECK(portable_log(1) == 0);
  CHECK(portable_log(0) == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(portable_log(-1)));
  CHECK(std::isnan(portable_log(std::nan(""))));
}

TEST_CASE("the portable exponential is within 2 ulp of the C library's") {
  Random random(6);
  double worst = 0;
  for (int k = 0; k < 200'000; ++k) {
    const double x = (random.uniform() - 0.5) * (k % 2 == 0 ? 1400 : 4);
    worst = std::max(worst, ulps_apart(portable_exp(x), std::exp(x)));
  }
  CHECK(worst <= 2);
  CHECK(portable_exp(0) == 1);
  CHECK(portable_exp(-1000) == 0);
  CHECK(portable_exp(1000) == std::numeric_limits<double>::infinity());
  CHECK(std::isnan(portable_exp(std::nan(""))));
}

TEST_CASE("portable power, sigmoid and softplus follow their definitions") {
  Random random(7);
  for (int k = 0; k < 2'000; ++k) {
    const double x = 1 + 1000 * random.uniform(), y = 2 * random.uniform() - 1;
    CHECK(std::abs(portable_pow(x, y) / std::pow(x, y) - 1) < 1e-14);
    const double s = 60 * (random.uniform() - 0.5);
    CHECK(std::abs(portable_sigmoid(s) * (1 + std::exp(-s)) - 1) < 1e-14);
    CHECK(std::abs(softplus(s) - std::log1p(std::exp(s))) < 1e-14);
  }
  CHECK(softplus(800) == 800);
  CHECK(softplus(-800) == 0);
}

TEST_CASE("rows of a matrix start on 16 bytes and are padded with zeros") {
  for (std::size_t columns = 0; columns < 10; ++columns) {
    Matrix matrix(3, columns);
    CHECK(matrix.stride() == padded(columns));
    for (std::size_t r = 0; r < 3; ++r) {
      for (float& x : matrix.columns_of(r)) x = 1;
      if (columns > 0) CHECK(reinterpret_cast<std::uintptr_t>(matrix.row(r)) % 16 == 0);
    }
    matrix.grow(5);
    CHECK(matrix.rows() == 5);
    float sum = 0;
    for (const float x : matrix.storage()) sum += x;
    CHECK(sum == static_cast<float>(3 * columns));
  }
}

TEST_CASE("a matrix that cannot be addressed is refused, not allocated too small") {
  CHECK_THROWS_AS(Matrix(std::numeric_limits<std::size_t>::max() / 8, 64), std::bad_alloc);
}
