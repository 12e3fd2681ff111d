#include "rank/int8_scan.h"

// Widening multiplication of whole numbers has no form in vector extensions that every compiler
// turns into the one instruction there is for it (pmaddwd, i32x4.dot_i16x8_s). Emscripten maps
// these SSE4.1 intrinsics to simd128 one to one.
#if defined(__SSE4_1__)
#include <smmintrin.h>
#define FEATHERFM_INT8_SSE 1
#endif

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/simd.h"

namespace featherfm {
namespace {

constexpr std::size_t group = 16;  // rows whose sums are made together
constexpr double largest_int8 = 127, largest_int16 = 32767;

// Rounds to float upwards; what is not zero stays so.
float rounded_up(double value) {
  const auto nearest = static_cast<float>(value);
  return nearest >= value ? nearest
                          : std::nextafter(nearest, std::numeric_limits<float>::infinity());
}

double norm(const float* values, std::size_t n) {
  double sum = 0;
  for (std::size_t k = 0; k < n; ++k) sum += double{values[k]} * values[k];
  return std::sqrt(sum);
}

f4 to_floats(i4 v) {
  return __builtin_convertvector(v, f4);
}

f4 magnitude(f4 v) {
  return std::bit_cast<f4>(std::bit_cast<i4>(v) & 0x7fffffff);
}

// Bit k: whether value k is less than `limit`.
unsigned less(f4 values, f4 limit) {
  const i4 mask = values < limit;
#if FEATHERFM_INT8_SSE
  return static_cast<unsigned>(_mm_movemask_ps(std::bit_cast<__m128>(mask)));
#else
  return static_cast<unsigned>((mask[0] & 1) | (mask[1] & 2) | (mask[2] & 4) | (mask[3] & 8));
#endif
}

}  // namespace

namespace simd {

#if FEATHERFM_INT8_SSE
void group_sums(const std::int8_t* rows, const std::int16_t* query, std::size_t pairs,
                std::int32_t* sums) {
  const auto four_rows = [](const std::int8_t* p, __m128i q) {
    const __m128i wide = _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    return _mm_madd_epi16(wide, q);
  };
  __m128i a = _mm_setzero_si128(), b = a, c = a, d = a;
#pragma GCC unroll 4  // WebAssembly engines check for interrupts in every turn of a loop
  for (const std::int8_t* end = rows + 32 * pairs; rows != end; rows += 32, query += 8) {
    const __m128i q = _mm_load_si128(reinterpret_cast<const __m128i*>(query));
    a = _mm_add_epi32(a, four_rows(rows, q));
    b = _mm_add_epi32(b, four_rows(rows + 8, q));
    c = _mm_add_epi32(c, four_rows(rows + 16, q));
    d = _mm_add_epi32(d, four_rows(rows + 24, q));
  }
  auto* out = reinterpret_cast<__m128i*>(sums);
  _mm_store_si128(out, a);
  _mm_store_si128(out + 1, b);
  _mm_store_si128(out + 2, c);
  _mm_store_si128(out + 3, d);
}
#else
void group_sums(const std::int8_t* rows, const std::int16_t* query, std::size_t pairs,
                std::int32_t* sums) {
  scalar::group_sums(rows, query, pairs, sums);
}
#endif

}  // namespace simd

namespace scalar {

void group_sums(const std::int8_t* rows, const std::int16_t* query, std::size_t pairs,
                std::int32_t* sums) {
  std::fill_n(sums, group, 0);
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    for (std::size_t row = 0; row < group; ++row) {
      const std::int8_t* x = rows + 2 * (group * pair + row);
      sums[row] += x[0] * query[8 * pair] + x[1] * query[8 * pair + 1];
    }
  }
}

}  // namespace scalar

Int8Items::Int8Items(const Matrix& items, std::size_t factors)
    : items_(items), factors_(factors), pairs_((factors + 1) / 2) {
  BestN by_length(items.rows());
  for (std::uint32_t item = 0; item < items.rows(); ++item) {
    by_length.offer(item, rounded_up(norm(items.row(item), factors)));
    longest_ = std::max(longest_, norm(items.row(item), factors + 1));
  }
  const std::vector<Scored> order = by_length.take();

  groups_.resize((order.size() + group - 1) / group);
  order_.resize(order.size());
  numbers_.resize(groups_.size() * pairs_ * 2 * group);
  for (AlignedFloats* list : {&scales_, &errors_, &biases_}) list->resize(groups_.size() * group);
  for (std::size_t row = 0; row < order.size(); ++row) {
    order_[row] = order[row].index;
    const float* x = items.row(order_[row]);
    Group& own = groups_[row / group];
    if (row % group == 0) own = {order[row].score, x[factors], x[factors]};
    own.least_bias = std::min(own.least_bias, x[factors]);
    own.most_bias = std::max(own.most_bias, x[factors]);
    biases_[row] = x[factors];

    float largest = 0;
    for (std::size_t f = 0; f < factors; ++f) largest = std::max(largest, std::abs(x[f]));
    // A row of next to nothing has no scale that a float could hold: it is all error.
    const float scale = largest > 1e-30f ? static_cast<float>(largest / largest_int8) : 0.0f;
    double error = 0;
    std::int8_t* to = numbers_.data() + row / group * pairs_ * 2 * group + row % group * 2;
    for (std::size_t f = 0; f < factors; ++f) {
      const double number =
          scale > 0 ? std::clamp(std::nearbyint(x[f] / double{scale}), -largest_int8, largest_int8)
                    : 0;
      to[f / 2 * 2 * group + f % 2] = static_cast<std::int8_t>(number);
      const double rest = x[f] - number * double{scale};
      error += rest * rest;
    }
    scales_[row] = scale;
    errors_[row] = rounded_up(std::sqrt(error) * (1 + 1e-12));
  }
}

// A query in whole numbers, and the parts of the bound that it decides.
struct Int8Items::Query {
  Query(const float* q, std::size_t factors, std::size_t pairs) : numbers(8 * pairs) {
    double largest = 0, square = 0, rest = 0;
    for (std::size_t f = 0; f < factors; ++f) {
      largest = std::max(largest, double{std::abs(q[f])});
      square += double{q[f]} * q[f];
    }
    // So small that the sum of all columns fits into 32 bits.
    const double most =
        std::min(largest_int16, std::floor(2147483647.0 / (largest_int8 * 2 * double(pairs))));
    const auto scale = static_cast<float>(std::max(largest, 1e-30) / most);
    for (std::size_t f = 0; f < factors; ++f) {
      const double number = std::clamp(std::nearbyint(q[f] / double{scale}), -most, most);
      for (std::size_t copy = 0; copy < 4; ++copy) {
        numbers[8 * (f / 2) + 2 * copy + f % 2] = static_cast<std::int16_t>(number);
      }
      const double missing = q[f] - number * double{scale};
      rest += missing * missing;
    }
    // What sums in float may lose, relative to the sum of magnitudes: dot() makes no more than
    // `factors` additions one after the other, the bound below a dozen.
    const double loss = 0x1p-24 * (double(factors) + 24);
    const double length = std::sqrt(square);
    const double longest = largest_int8 * std::sqrt(double(factors));  // of all x8
    per_number = scale;
    per_length = rounded_up(length * (1 + 2 * loss));
    per_scale = rounded_up(longest * (std::sqrt(rest) + 2 * loss * length));
    bias = q[factors];
    per_bias = rounded_up(std::abs(double{bias}) * loss);
  }

  std::vector<std::int16_t, Aligned16<std::int16_t>> numbers;
  float per_number, per_length, per_scale, per_bias, bias;
};

void Int8Items::scan_exactly(const float* query, std::span<const char> barred, BestN& best) const {
  for (std::uint32_t item = 0; item < items_.rows(); ++item) {
    if (!barred[item]) best.offer(item, simd::dot(query, items_.row(item), items_.stride()));
  }
}

void Int8Items::scan(const float* query, std::span<const char> barred, BestN& best) const {
  // The bounds rest on sums that do not overflow. NaN does not pass either.
  if (!(norm(query, factors_ + 1) * longest_ < 1e37)) return scan_exactly(query, barred, best);
  const Query q(query, factors_, pairs_);
  const f4 per_number = splat(q.per_number), per_scale = splat(q.per_scale),
           per_length = splat(q.per_length), per_bias = splat(q.per_bias), bias = splat(q.bias);
  constexpr float tiny = std::numeric_limits<float>::min();  // for products that underflow

  // The n best scores that are certain so far: no row that cannot reach the worst of them is among
  // the best. Exact products wait for the end, when only few rows are left that need one.
  BestN certain(best.capacity());
  struct Hopeful {
    std::uint32_t item;
    float most;
  };
  std::vector<Hopeful> hopefuls;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const float bar = certain.bar();
    const Group& own = groups_[g];
    const float by_bias = std::max(own.least_bias * q.bias, own.most_bias * q.bias);
    const float largest_bias = std::max(std::abs(own.least_bias), std::abs(own.most_bias));
    if (own.length * q.per_length + by_bias + (largest_bias * q.per_bias + tiny) < bar) continue;

    const std::size_t first = g * group;
    alignas(16) std::int32_t sums[group];
    alignas(16) float least[group], most[group];
    simd::group_sums(numbers_.data() + first * pairs_ * 2, q.numbers.data(), pairs_, sums);
    unsigned hopeful = 0;
    for (unsigned k = 0; k < group; k += 4) {
      const f4 scale = load4(scales_.data() + first + k), b = load4(biases_.data() + first + k);
      const f4 sum = to_floats(*reinterpret_cast<const i4*>(sums + k));
      const f4 score = scale * (sum * per_number) + b * bias;
      const f4 margin = scale * per_scale + load4(errors_.data() + first + k) * per_length +
                        (magnitude(b) * per_bias + splat(tiny));
      at4(least + k) = score - margin;
      at4(most + k) = score + margin;
      hopeful |= (less(load4(most + k), splat(bar)) ^ 15) << k;
    }
    for (; hopeful != 0; hopeful &= hopeful - 1) {
      const auto k = static_cast<unsigned>(std::countr_zero(hopeful));
      if (first + k >= order_.size() || barred[order_[first + k]]) continue;
      const std::uint32_t item = order_[first + k];
      certain.offer(item, least[k]);
      hopefuls.push_back({item, most[k]});
    }
  }
  for (const auto& [item, most] : hopefuls) {
    if (most < certain.bar()) continue;
    best.offer(item, simd::dot(query, items_.row(item), items_.stride()));
  }
}

}  // namespace featherfm
