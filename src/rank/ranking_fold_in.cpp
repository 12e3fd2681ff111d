#include "rank/ranking_fold_in.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/portable_math.h"
#include "base/random.h"

namespace featherfm {
namespace {

constexpr int passes = 30;

}  // namespace

RankingFoldIn::RankingFoldIn(const Towers& towers)
    : towers_(towers),
      rule_(*towers.fold_in.ranking),
      logistic_(rule_.loss == RankingLoss::logistic) {}

float RankingFoldIn::score(std::uint32_t item) const {
  return simd::dot(user_.data(), towers_.items.row(item), towers_.items.stride());
}

// One AdaGrad step down the gradient slope source; the penalty pulls everything back to the start.
void RankingFoldIn::step(std::size_t rating, const float* source, float slope) {
  const std::size_t width = towers_.factors + (logistic_ ? 1 : 0);
  float* const moves = moves_.row(rating);
  float sizes = 0;
  for (std::size_t f = 0; f < width; ++f) {
    const float g = slope * source[f], size = rule_.learning_rate / std::sqrt(squares_[f]);
    moves[f] -= size * g / scale_;
    moved_[f] -= size * g;
    squares_[f] += g * g;
    sizes += size;
  }
  if (alpha_ == 0 || width == 0) return;
  const float kept = 1 / (1 + alpha_ * sizes / static_cast<float>(width));
  for (float& x : moved_) x *= kept;
  scale_ *= kept;
  if (scale_ < 1e-10f) settle();
}

void RankingFoldIn::settle() {
  for (float& x : moves_.storage()) x *= scale_;
  scale_ = 1;
}

void RankingFoldIn::place(const GivenRatings& given, const UserRow& start,
                          std::optional<float> regularization) {
  require_ratings(given, towers_.items.rows(), regularization);
  alpha_ = regularization.value_or(rule_.regularization);
  const std::size_t k = towers_.factors, stride = towers_.items.stride();
  moved_.assign(stride, 0);
  scale_ = 1;
  moves_ = Matrix(given.items.size(), k + 1);
  if (!towers_.fold_in.own_parameters) return;
  user_.assign(stride, 0);
  squares_.assign(stride, 1);
  source_.assign(stride, 0);
  std::vector<char> met(towers_.items.rows());
  for (const std::uint32_t item : given.items) met[item] = 1;
  const bool draws_possible = given.items.size() < met.size();
  const auto count = static_cast<std::uint32_t>(met.size());
  Random random(1);
  for (int pass = 0; pass < passes; ++pass) {
    for (std::size_t r = 0; r < given.items.size(); ++r) {
      const float weight = given.weights.empty() ? 1.0f : given.weights[r];
      const bool positive = rule_.likes(given.values[r]);
      if (weight == 0 || (!positive && !logistic_)) continue;
      for (std::size_t f = 0; f < k; ++f) user_[f] = start.row[f] + moved_[f];
      user_[k] = 1;
      const float* item = towers_.items.row(given.items[r]);
      if (logistic_) {
        const float s = start.offset + moved_[k] + score(given.items[r]);
        std::copy(item, item + k, source_.begin());
        source_[k] = 1;
        step(r, source_.data(), weight * (scalar::sigmoid1(s) - (positive ? 1.0f : 0.0f)));
        continue;
      }
      const float own = score(given.items[r]);
      const bool bpr = rule_.loss == RankingLoss::bpr;
      for (std::uint32_t draws = 1; draws <= rule_.max_sampled && draws_possible; ++draws) {
        const std::uint32_t other = random.below(count);
        if (met[other]) continue;
        const float margin = own - score(other);
        if (!bpr && !(margin < 1)) continue;
        const double rank = std::max(1u, (count - 1) / draws);
        const float slope = bpr ? weight * (1 - scalar::sigmoid1(margin))
                                : std::min(10.0f, weight * static_cast<float>(portable_log(rank)));
        const float* negative = towers_.items.row(other);
        for (std::size_t f = 0; f < k; ++f) source_[f] = negative[f] - item[f];
        step(r, source_.data(), slope);
        break;
      }
    }
  }
  settle();
  if (finite(moves_.storage())) return;
  fail(ErrorCode::out_of_range, "ratings", {"weights are too large to be learned from"});
}

FoldedUser RankingFoldIn::fold(const GivenRatings& given, const UserRow& start,
                               std::optional<float> regularization) {
  place(given, start, regularization);
  const std::size_t k = towers_.factors;
  FoldedUser user;
  user.vector.assign(start.row.begin(), start.row.begin() + static_cast<std::ptrdiff_t>(k));
  user.bias = start.offset - towers_.base_offset;
  for (std::size_t r = 0; r < moves_.rows(); ++r) {
    for (std::size_t f = 0; f < k; ++f) user.vector[f] += moves_.row(r)[f];
    user.bias += moves_.row(r)[k];
  }
  return user;
}

ScoreParts RankingFoldIn::explain(const GivenRatings& given, std::uint32_t item,
                                  const UserRow& start, std::optional<float> regularization) {
  if (item >= towers_.items.rows()) {
    fail(ErrorCode::out_of_range, "item", {"item is not known to the model"});
  }
  place(given, start, regularization);
  const std::size_t k = towers_.factors;
  ScoreParts parts;
  parts.base = parts.score = towers_.score(start.row.data(), start.offset, item);
  for (std::size_t r = 0; r < moves_.rows(); ++r) {
    const float* move = moves_.row(r);
    parts.contributions.push_back(
        std::inner_product(move, move + k, towers_.items.row(item), move[k]));
    parts.score += parts.contributions.back();
  }
  return parts;
}

}  // namespace featherfm
