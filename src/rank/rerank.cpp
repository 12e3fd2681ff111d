#include "rank/rerank.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/portable_math.h"
#include "base/simd.h"

namespace featherfm {
namespace {

// Onto [0, 1].
void normalise(std::vector<double>& values) {
  if (values.empty()) return;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double low = *least, span = *most - *least;
  for (double& value : values) value = span > 0 ? (value - low) / span : 0;
}

// The candidates' vectors at length 1, zero vectors as they are.
Matrix directions(std::span<const Scored> pool, const Matrix& vectors, std::size_t factors) {
  Matrix result(pool.size(), factors);
  for (std::size_t k = 0; k < pool.size(); ++k) {
    const auto vector = vectors.columns_of(pool[k].index).first(factors);
    double square = 0;
    for (const float x : vector) square += double{x} * double{x};
    if (square == 0) continue;
    const double scale = 1 / std::sqrt(square);
    for (std::size_t f = 0; f < factors; ++f) {
      result.row(k)[f] = static_cast<float>(scale * double{vector[f]});
    }
  }
  return result;
}

}  // namespace

std::vector<float> self_information(std::span<const std::uint32_t> item_counts,
                                    std::uint32_t users) {
  constexpr double log_2 = 0.6931471805599453;
  std::vector<float> result(item_counts.size());
  for (std::size_t item = 0; item < item_counts.size(); ++item) {
    const double share = std::max(1u, item_counts[item]) / static_cast<double>(std::max(1u, users));
    // An item that was met twice by somebody may have more entries than there are users.
    result[item] = static_cast<float>(-portable_log(std::min(1.0, share)) / log_2);
  }
  return result;
}

void validate(const Rerank& wanted) {
  require_range(wanted.diversity, 0.0, 1.0, "diversity");
  require_range(wanted.novelty, 0.0, 1.0, "novelty");
}

std::vector<Scored> rerank(std::span<const Scored> pool, std::size_t n, const Rerank& wanted,
                           const Matrix& vectors, std::size_t factors,
                           std::span<const float> information) {
  std::vector<double> relevance(pool.size());
  std::ranges::transform(pool, relevance.begin(), [](const Scored& s) { return double{s.score}; });
  normalise(relevance);
  if (wanted.novelty > 0) {
    std::vector<double> novelty(pool.size());
    std::ranges::transform(pool, novelty.begin(),
                           [&](const Scored& s) { return double{information[s.index]}; });
    normalise(novelty);
    for (std::size_t k = 0; k < pool.size(); ++k) {
      relevance[k] = (1 - wanted.novelty) * relevance[k] + wanted.novelty * novelty[k];
    }
  }

  const Matrix direction = directions(pool, vectors, wanted.diversity > 0 ? factors : 0);
  std::vector<double> closest(pool.size());  // to those chosen
  std::vector<char> taken(pool.size());
  std::vector<Scored> result;
  while (result.size() < std::min(n, pool.size())) {
    std::size_t best = pool.size();
    double best_value = 0;
    for (std::size_t k = 0; k < pool.size(); ++k) {
      if (taken[k]) continue;
      const double value = (1 - wanted.diversity) * relevance[k] - wanted.diversity * closest[k];
      if (best == pool.size() || value > best_value) {
        best = k;
        best_value = value;
      }
    }
    taken[best] = 1;
    const bool first = result.empty();
    result.push_back(pool[best]);
    for (std::size_t k = 0; k < pool.size() && wanted.diversity > 0; ++k) {
      const double cosine = simd::dot(direction.row(k), direction.row(best), direction.stride());
      closest[k] = first ? cosine : std::max(closest[k], cosine);
    }
  }
  return result;
}

}  // namespace featherfm
