#include "train/implicit_sweeps.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/ridge.h"
#include "base/simd.h"

namespace featherfm {

ImplicitEntries entries_by_user(const Interactions& data, const ImplicitRule& rule) {
  ImplicitEntries result;
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      const float strength = rule.strength(data.value_at(p), data.weight_at(p));
      if (!std::isfinite(strength)) {
        fail(ErrorCode::out_of_range, "alpha",
             {"alpha times the rating and weight of an interaction is too large; lower alpha"});
      }
      if (strength == 0) continue;
      result.others.push_back(data.item_at(p));
      result.strengths.push_back(strength);
    }
    result.offsets.push_back(static_cast<std::uint32_t>(result.others.size()));
  }
  return result;
}

ImplicitEntries transposed(const ImplicitEntries& by_user, std::uint32_t items) {
  ImplicitEntries result;
  result.offsets.resize(std::size_t{items} + 1);
  for (const std::uint32_t item : by_user.others) ++result.offsets[item + 1];
  for (std::uint32_t item = 0; item < items; ++item) {
    result.offsets[item + 1] += result.offsets[item];
  }
  result.others.resize(by_user.others.size());
  result.strengths.resize(by_user.others.size());
  std::vector<std::uint32_t> next(result.offsets.begin(), result.offsets.end() - 1);
  for (std::uint32_t user = 0; user < by_user.rows(); ++user) {
    for (std::uint32_t e = by_user.offsets[user]; e < by_user.offsets[user + 1]; ++e) {
      const std::uint32_t slot = next[by_user.others[e]]++;
      result.others[slot] = user;
      result.strengths[slot] = by_user.strengths[e];
    }
  }
  return result;
}

Work cholesky_sweep(HalfSweep sweep) {
  const std::size_t width = sweep.held.columns();
  Ridge ridge(width);
  std::vector<float> penalties(width);
  Pace pace;
  for (std::uint32_t row = 0; row < sweep.entries.rows(); sweep.next_row = ++row) {
    if (sweep.entries.count(row) == 0) continue;
    ridge.start_from(sweep.gram);
    for (std::uint32_t e = sweep.entries.offsets[row]; e < sweep.entries.offsets[row + 1]; ++e) {
      const float strength = sweep.entries.strengths[e];
      ridge.add_products(sweep.held.row(sweep.entries.others[e]), std::abs(strength),
                         sweep.rule.pull(strength));
      if (pace.due(width * width / 2)) co_yield Pause{};
    }
    std::fill(penalties.begin(), penalties.end(), sweep.penalty(row));
    ridge.factorize(penalties);
    ridge.solve(sweep.rows.columns_of(row));
    if (pace.due(width * width * (width + 20) / 6)) co_yield Pause{};
  }
}

namespace {

// A row's entries [begin, end) applied to a vector.
struct Piece {
  const HalfSweep& sweep;
  std::uint32_t begin, end;

  const float* row(std::uint32_t entry) const {
    return sweep.held.row(sweep.entries.others[entry]);
  }

  // result += sum_j (pull_j - |s_j| <y_j, x>) y_j, or without the pulls.
  void add_residual(const float* x, bool with_pull, float* result) const {
    const std::size_t stride = sweep.held.stride();
    const auto factor = [&](std::uint32_t entry, float product) {
      const float strength = sweep.entries.strengths[entry];
      return (with_pull ? sweep.rule.pull(strength) : 0.0f) - std::abs(strength) * product;
    };
    std::uint32_t e = begin;
    for (; e + 4 <= end; e += 4) {
      const float *const y0 = row(e), *const y1 = row(e + 1), *const y2 = row(e + 2),
                         *const y3 = row(e + 3);
      const f4 products = simd::dot_four(x, y0, y1, y2, y3, stride);
      const f4 factors{factor(e, products[0]), factor(e + 1, products[1]),
                       factor(e + 2, products[2]), factor(e + 3, products[3])};
      simd::axpy_four(factors, y0, y1, y2, y3, result, stride);
    }
    for (; e < end; ++e) {
      simd::axpy(factor(e, simd::dot(x, row(e), stride)), row(e), result, stride);
    }
  }
};

constexpr std::uint32_t piece_size = 256;

// result <- -(w Y'Y + lambda I) x
void start_residual(const HalfSweep& sweep, float penalty, const float* x, float* result) {
  const std::size_t stride = sweep.held.stride();
  const f4 lambda = splat(penalty);
  for (std::size_t f = 0; f < stride; f += 4) {
    const Matrix& gram = sweep.gram;
    const f4 product =
        simd::dot_four(x, gram.row(f), gram.row(f + 1), gram.row(f + 2), gram.row(f + 3), stride);
    at4(result + f) = -(product + lambda * load4(x + f));
  }
}

}  // namespace

Work conjugate_gradient_sweep(HalfSweep sweep, std::uint32_t steps) {
  const std::size_t stride = sweep.held.stride();
  AlignedFloats residual(stride), direction(stride), product(stride);
  Pace pace;
  for (std::uint32_t row = 0; row < sweep.entries.rows(); sweep.next_row = ++row) {
    const std::uint32_t begin = sweep.entries.offsets[row], end = sweep.entries.offsets[row + 1];
    if (begin == end) continue;
    const float penalty = sweep.penalty(row);
    float* const x = sweep.rows.row(row);
    // r = b - A x
    start_residual(sweep, penalty, x, residual.data());
    for (std::uint32_t e = begin; e < end; e += piece_size) {
      Piece{sweep, e, std::min(e + piece_size, end)}.add_residual(x, true, residual.data());
      if (pace.due(2 * piece_size * stride)) co_yield Pause{};
    }
    direction = residual;
    float square = simd::dot(residual.data(), residual.data(), stride);
    for (std::uint32_t step = 0; step < steps && !(square < 1e-20f); ++step) {
      // -A p
      start_residual(sweep, penalty, direction.data(), product.data());
      for (std::uint32_t e = begin; e < end; e += piece_size) {
        Piece{sweep, e, std::min(e + piece_size, end)}.add_residual(direction.data(), false,
                                                                    product.data());
        if (pace.due(2 * piece_size * stride)) co_yield Pause{};
      }
      const float curvature = -simd::dot(direction.data(), product.data(), stride);
      if (curvature <= 0) break;  // a direction that A does not see; rounding can make it negative
      const float length = square / curvature;
      simd::axpy(length, direction.data(), x, stride);
      simd::axpy(length, product.data(), residual.data(), stride);
      const float next = simd::dot(residual.data(), residual.data(), stride);
      simd::scaled_add(1, residual.data(), next / square, direction.data(), stride);
      square = next;
    }
    if (pace.due(stride * stride * (steps + 1))) co_yield Pause{};
  }
}

Work subspace_sweep(HalfSweep sweep, std::uint32_t block) {
  const std::size_t width = sweep.held.columns(), stride = sweep.held.stride();
  std::vector<float> scores, penalties(block);
  AlignedFloats step(padded(block));
  // One for all whole blocks, and one for what is left of the columns.
  Ridge whole(std::min<std::size_t>(block, width)), rest(width % block);
  Pace pace;
  for (std::uint32_t row = 0; row < sweep.entries.rows(); sweep.next_row = ++row) {
    const std::uint32_t begin = sweep.entries.offsets[row], end = sweep.entries.offsets[row + 1];
    if (begin == end) continue;
    const float penalty = sweep.penalty(row);
    std::fill(penalties.begin(), penalties.end(), penalty);
    float* const x = sweep.rows.row(row);
    scores.resize(end - begin);
    for (std::uint32_t e = begin; e < end; ++e) {
      scores[e - begin] = simd::dot(x, sweep.held.row(sweep.entries.others[e]), stride);
      if (pace.due(stride)) co_yield Pause{};
    }
    for (std::size_t first = 0; first < width; first += block) {
      Ridge& ridge = first + block <= width ? whole : rest;
      const std::size_t columns = ridge.width(), length = padded(columns);
      // The Newton step, exact for a quadratic: the block's part of A against its part of b - A x.
      ridge.start_from(sweep.gram, first);
      for (std::uint32_t e = begin; e < end; ++e) {
        const float strength = sweep.entries.strengths[e];
        ridge.add_products(sweep.held.row(sweep.entries.others[e]) + first, std::abs(strength),
                           sweep.rule.pull(strength) - std::abs(strength) * scores[e - begin]);
        if (pace.due(columns * columns / 2)) co_yield Pause{};
      }
      const auto right = ridge.right();
      for (std::size_t f = 0; f < columns; ++f) {
        right[f] -= simd::dot(sweep.gram.row(first + f), x, stride) + penalty * x[first + f];
      }
      ridge.factorize(std::span(penalties).first(columns));
      std::fill(step.begin(), step.end(), 0.0f);
      ridge.solve(std::span(step).first(columns));
      simd::axpy(1, step.data(), x + first, length);
      for (std::uint32_t e = begin; e < end; ++e) {
        scores[e - begin] +=
            simd::dot(step.data(), sweep.held.row(sweep.entries.others[e]) + first, length);
      }
      if (pace.due((end - begin) * columns + columns * columns * (columns + 20) / 6)) {
        co_yield Pause{};
      }
    }
  }
}

}  // namespace featherfm
