#include "train/cutpoints.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/normal.h"

namespace featherfm {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double prior_precision = 0.01;
constexpr double degrees_of_freedom = 5;
constexpr std::uint32_t piece = 1 << 13;

using Vector = std::vector<double>;

Vector cutpoints_of(const Vector& a) {
  Vector gamma = a;
  for (std::size_t j = 1; j < a.size(); ++j) gamma[j] = gamma[j - 1] + portable_exp(a[j]);
  return gamma;
}

// Log likelihood of cutpoints, with its derivatives in them. An example touches two neighbours, so
// the second derivatives are a diagonal and the one beside it.
struct Likelihood {
  explicit Likelihood(std::size_t size) : gradient(size), diagonal(size), beside(size) {}

  // Scores of examples of class c.
  void add(const Vector& gamma, std::uint32_t c, std::span<const float> scores) {
    IntervalSums sums;
    add_intervals(scores.data(), scores.size(), static_cast<float>(low_end(gamma, c)),
                  static_cast<float>(high_end(gamma, c)), sums);
    log += sums.log;
    if (c < gamma.size()) {
      gradient[c] += sums.high;
      diagonal[c] -= sums.high_squares;
    }
    if (c > 0) {
      gradient[c - 1] -= sums.low;
      diagonal[c - 1] += sums.low_squares;
    }
    if (c > 0 && c < gamma.size()) beside[c] += sums.both;
  }

  double log = 0;
  Vector gradient, diagonal, beside;  // beside[c]: in c - 1 and c
};

// Log posterior of a, with gradient and negative curvature (row-major) in a.
struct Posterior {
  double log = 0;
  Vector gradient, precision;
};

Posterior posterior_of(const Vector& a, const Likelihood& likelihood) {
  const std::size_t n = a.size();
  Posterior result{likelihood.log, Vector(n), Vector(n * n)};
  // d gamma_j / d a_m for m <= j: 1 for a_0, the gap for the others.
  Vector gap(n, 1.0);
  for (std::size_t m = 1; m < n; ++m) gap[m] = portable_exp(a[m]);
  for (std::size_t m = 0; m < n; ++m) {
    double above = 0;  // sum of the gradient over the cutpoints that a_m moves
    for (std::size_t j = m; j < n; ++j) above += likelihood.gradient[j];
    result.gradient[m] = gap[m] * above - prior_precision * a[m];
    result.log -= 0.5 * prior_precision * a[m] * a[m];
    for (std::size_t l = 0; l <= m; ++l) {
      double sum = 0;  // over the pairs of cutpoints that a_l and a_m move
      for (std::size_t j = m; j < n; ++j) {
        sum += likelihood.diagonal[j];
        if (j > m)
          sum += 2 * likelihood.beside[j];
        else if (j > l && j > 0)
          sum += likelihood.beside[j];
      }
      const double curvature = gap[l] * gap[m] * sum + (l == m && m > 0 ? gap[m] * above : 0);
      result.precision[m * n + l] = result.precision[l * n + m] =
          -curvature + (l == m ? prior_precision : 0);
    }
  }
  return result;
}

// The lower Cholesky factor of a small matrix; false when it is not positive definite.
bool cholesky(Vector& matrix, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = j; i < n; ++i) {
      double sum = matrix[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= matrix[i * n + k] * matrix[j * n + k];
      if (i == j && !(sum > 0)) return false;
      matrix[i * n + j] = i == j ? std::sqrt(sum) : sum / matrix[j * n + j];
    }
  }
  return true;
}

// Of the posterior's precision, with as much added to the diagonal as it takes.
Vector factor_of(const Posterior& posterior) {
  const std::size_t n = posterior.gradient.size();
  for (double extra = 0;; extra = extra == 0 ? 1e-3 : 10 * extra) {
    Vector lower = posterior.precision;
    for (std::size_t j = 0; j < n; ++j) lower[j * n + j] += extra;
    if (cholesky(lower, n)) return lower;
    if (!(extra < 1e100)) {  // not a number among them: a proposal that will be refused
      std::ranges::fill(lower, 0.0);
      for (std::size_t j = 0; j < n; ++j) lower[j * n + j] = 1;
      return lower;
    }
  }
}

// Solves L^T x = b in place.
void solve_transposed(const Vector& lower, Vector& b) {
  const std::size_t n = b.size();
  for (std::size_t j = n; j-- > 0;) {
    for (std::size_t i = j + 1; i < n; ++i) b[j] -= lower[i * n + j] * b[i];
    b[j] /= lower[j * n + j];
  }
}

void solve(const Vector& lower, Vector& b) {
  const std::size_t n = b.size();
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k) b[j] -= lower[j * n + k] * b[k];
    b[j] /= lower[j * n + j];
  }
  solve_transposed(lower, b);
}

// |L^T (x - center)|^2
double distance(const Vector& lower, const Vector& x, const Vector& center) {
  const std::size_t n = x.size();
  double result = 0;
  for (std::size_t j = 0; j < n; ++j) {
    double sum = 0;
    for (std::size_t i = j; i < n; ++i) sum += lower[i * n + j] * (x[i] - center[i]);
    result += sum * sum;
  }
  return result;
}

double log_t(double square, std::size_t n) {
  return -0.5 * (degrees_of_freedom + double(n)) * portable_log(1 + square / degrees_of_freedom);
}

}  // namespace

double low_end(std::span<const double> cutpoints, std::uint32_t c) {
  return c == 0 ? -infinity : cutpoints[c - 1];
}

double high_end(std::span<const double> cutpoints, std::uint32_t c) {
  return c == cutpoints.size() ? infinity : cutpoints[c];
}

Cutpoints::Cutpoints(std::span<const std::uint32_t> classes)
    : order_(classes.size()), scores_(classes.size()) {
  std::uint32_t count = 0;
  for (const std::uint32_t c : classes) count = std::max(count, c + 1);
  begin_.assign(count + 1, 0);
  for (const std::uint32_t c : classes) ++begin_[c + 1];
  for (std::uint32_t c = 0; c < count; ++c) begin_[c + 1] += begin_[c];
  std::vector<std::uint32_t> next = begin_;
  for (std::uint32_t k = 0; k < classes.size(); ++k) order_[next[classes[k]]++] = k;

  for (std::uint32_t c = 0; c + 1 < count; ++c) {
    // The point with the share of the classes up to c below it, by bisection.
    const double share = double(begin_[c + 1]) / double(classes.size());
    double low = -10, high = 10;
    for (int k = 0; k < 60; ++k) {
      const double middle = 0.5 * (low + high);
      (normal_cdf(middle) < share ? low : high) = middle;
    }
    gamma_.push_back(c == 0 ? low : std::max(low, gamma_[c - 1] + 1e-6));
  }
  restore(gamma_);
}

void Cutpoints::restore(std::vector<double> cutpoints) {
  gamma_ = std::move(cutpoints);
  a_ = gamma_;
  for (std::size_t j = 1; j < gamma_.size(); ++j) a_[j] = portable_log(gamma_[j] - gamma_[j - 1]);
}

void Cutpoints::take(std::span<const float> scores) {
  for (std::size_t k = 0; k < order_.size(); ++k) scores_[k] = scores[order_[k]];
}

std::span<const float> Cutpoints::piece_of(std::uint32_t c, std::uint32_t k) const {
  return std::span<const float>(scores_).subspan(k, std::min(piece, begin_[c + 1] - k));
}

double Cutpoints::log_prior() const {
  double sum = 0;
  for (const double a : a_) sum -= 0.5 * prior_precision * a * a;
  return sum;
}

Work Cutpoints::improve(std::span<const float> scores) {
  const std::size_t n = a_.size();
  take(scores);
  Vector move(n);
  // Where the step comes from, then its whole, a quarter of it, a sixteenth ...
  double share = 0, before = 0;
  for (int trial = 0; trial < 6; ++trial) {
    Vector candidate = a_;
    for (std::size_t j = 0; j < n; ++j) candidate[j] += share * move[j];
    const Vector gamma = cutpoints_of(candidate);
    Likelihood likelihood(n);
    for (std::uint32_t c = 0; c <= n; ++c) {
      for (std::uint32_t k = begin_[c]; k < begin_[c + 1]; k += piece) {
        likelihood.add(gamma, c, piece_of(c, k));
        co_yield Pause{};
      }
    }
    const Posterior posterior = posterior_of(candidate, likelihood);
    if (trial == 0) {
      before = posterior.log;
      move = posterior.gradient;
      solve(factor_of(posterior), move);
      for (double& x : move) x = std::clamp(x, -1.0, 1.0);
      share = 1;
      continue;
    }
    const bool ascends = std::ranges::adjacent_find(gamma, std::greater_equal<>()) == gamma.end();
    if (posterior.log >= before && ascends) {
      restore(gamma);
      co_return;
    }
    share *= 0.25;
  }
}

Work Cutpoints::draw(Random& random, std::span<const float> scores) {
  const std::size_t n = a_.size();
  if (n == 0) co_return;
  take(scores);
  Vector mode = a_, lower;
  double current = 0;
  // Two Newton steps from where the chain is arrive at the mode, or near enough to propose from.
  for (int step = 0; step < 2; ++step) {
    const Vector gamma = cutpoints_of(mode);
    Likelihood likelihood(n);
    for (std::uint32_t c = 0; c <= n; ++c) {
      for (std::uint32_t k = begin_[c]; k < begin_[c + 1]; k += piece) {
        likelihood.add(gamma, c, piece_of(c, k));
        co_yield Pause{};
      }
    }
    const Posterior posterior = posterior_of(mode, likelihood);
    if (step == 0) current = posterior.log;
    lower = factor_of(posterior);
    Vector move = posterior.gradient;
    solve(lower, move);
    for (std::size_t j = 0; j < n; ++j) mode[j] += std::clamp(move[j], -1.0, 1.0);
  }

  Vector proposal(n);
  for (double& x : proposal) x = random.normal();
  const double scale = std::sqrt(degrees_of_freedom / random.gamma(0.5 * degrees_of_freedom, 0.5));
  solve_transposed(lower, proposal);
  for (std::size_t j = 0; j < n; ++j) proposal[j] = mode[j] + scale * proposal[j];
  const Vector gamma = cutpoints_of(proposal);
  Likelihood likelihood(n);
  for (std::uint32_t c = 0; c <= n; ++c) {
    for (std::uint32_t k = begin_[c]; k < begin_[c + 1]; k += piece) {
      likelihood.add(gamma, c, piece_of(c, k));
      co_yield Pause{};
    }
  }
  const double gain = posterior_of(proposal, likelihood).log - current +
                      log_t(distance(lower, a_, mode), n) -
                      log_t(distance(lower, proposal, mode), n);
  // Neighbours that met in rounding have no logarithm of their gap.
  const bool ascends = std::ranges::adjacent_find(gamma, std::greater_equal<>()) == gamma.end();
  if (portable_log(1 - random.uniform()) < gain && ascends) {
    restore(gamma);  // a_ as from a file, so that a chain that stopped goes on with the same bits
  }
}

}  // namespace featherfm
