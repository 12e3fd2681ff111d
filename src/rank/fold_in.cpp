#include "rank/fold_in.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/gram.h"
#include "base/portable_math.h"
#include "rank/ranking_fold_in.h"

namespace featherfm {

void require_ratings(const GivenRatings& given, std::size_t items,
                     std::optional<float> regularization) {
  require_same_size(given.values.size(), given.items.size(), "ratings");
  if (!given.weights.empty()) {
    require_same_size(given.weights.size(), given.items.size(), "weights");
  }
  if (regularization) require_range(*regularization, 0.0f, 1e6f, "regularization");
  std::vector<char> met(items);
  for (std::size_t k = 0; k < given.items.size(); ++k) {
    if (given.items[k] >= met.size()) {
      fail(ErrorCode::out_of_range, "ratings",
           {"ratings[", k, "] names an item the model does not know"});
    }
    if (met[given.items[k]]++) {
      fail(ErrorCode::duplicate, "ratings", {"ratings[", k, "] rates an item a second time"});
    }
    const float value = given.values[k];
    if (!std::isfinite(value)) {
      fail(ErrorCode::not_finite, "ratings", {"ratings[", k, "] must be finite; got ", value});
    }
    if (!given.weights.empty()) {
      require_range(given.weights[k], 0.0f, std::numeric_limits<float>::max(), "weights");
    }
  }
}

UserRow FoldedUser::tower_row(const Towers& towers) const {
  UserRow user = average_user(towers);
  std::copy(vector.begin(), vector.end(), user.row.begin());
  user.offset += bias;
  return user;
}

FoldIn::FoldIn(const Towers& towers)
    : towers_(towers),
      width_(towers.factors + (towers.fold_in.user_bias ? 1 : 0)),
      filled_(towers.fold_in.fill != FoldInRule::Fill::none),
      with_bias_(towers.fold_in.user_bias),
      implicit_(towers.fold_in.implicit.has_value()),
      ridge_(width_),
      all_items_(filled_ ? width_ : 0),
      penalties_(width_),
      solution_(width_) {
  if (implicit_) {
    GramSum sum(width_);
    sum.add_all(towers.items);
    gram_ = sum.scaled(towers.fold_in.implicit->unobserved_weight);
  }
  if (!filled_) return;
  const bool per_item = towers_.fold_in.fill == FoldInRule::Fill::per_item;
  for (std::uint32_t item = 0; item < towers_.items.rows(); ++item) {
    all_items_.add(factors_of(item), per_item ? towers_.fold_in.item_fill[item] : 1.0f, 1);
  }
}

std::span<const float> FoldIn::factors_of(std::uint32_t item) const {
  return towers_.items.columns_of(item).first(towers_.factors);
}

// For the average user: global and item bias.
float FoldIn::base_score(std::uint32_t item) const {
  return filled_ ? 0 : towers_.score(start_.row.data(), start_.offset, item);
}

// <z_item, x> with z = [q, 1] where there is a user bias.
float FoldIn::with_rows_of(std::uint32_t item, std::span<const float> x) const {
  const auto q = factors_of(item);
  return std::inner_product(q.begin(), q.end(), x.begin(), with_bias_ ? x.back() : 0.0f);
}

void FoldIn::check(const GivenRatings& given, std::optional<float> regularization) const {
  require_ratings(given, towers_.items.rows(), regularization);
  if (towers_.link != Link::logistic) return;
  for (std::size_t k = 0; k < given.items.size(); ++k) {
    const float value = given.values[k];
    if (value >= towers_.range.low && value <= towers_.range.high) continue;
    fail(ErrorCode::out_of_range, "ratings",
         {"ratings[", k, "] must be from ", towers_.range.low, " to ", towers_.range.high, "; got ",
          value});
  }
}

void FoldIn::add_rows(const GivenRatings& given) {
  ridge_.clear();
  for (std::size_t k = 0; k < given.items.size(); ++k) {
    ridge_.add(factors_of(given.items[k]), targets_[k], weights_[k]);
  }
}

void FoldIn::gather(const GivenRatings& given, std::optional<float> regularization) {
  if (implicit_) return gather_implicit(given, regularization);
  const FoldInRule& rule = towers_.fold_in;
  const auto scale =
      static_cast<float>(given.items.empty() ? 1.0
                                             : portable_pow(static_cast<double>(given.items.size()),
                                                            double{rule.frequency_scaling}));
  penalties_.assign(width_, regularization.value_or(rule.regularization) * scale);
  if (with_bias_) penalties_.back() = regularization.value_or(rule.bias_regularization) * scale;
  targets_.resize(given.items.size());
  weights_.assign(given.items.size(), 1);
  if (!given.weights.empty())
    std::copy(given.weights.begin(), given.weights.end(), weights_.begin());
  if (filled_) {
    gather_filled(given);
  } else if (towers_.link == Link::logistic) {
    gather_logistic(given);
  } else {
    for (std::size_t k = 0; k < given.items.size(); ++k) {
      targets_[k] = given.values[k] - base_score(given.items[k]);
    }
    add_rows(given);
  }
}

// Least squares over every item, the fill standing where nothing was given:
//   A = sum q q^T over all items,  b = sum fill_i q_i + sum_given (value - fill) q
void FoldIn::gather_filled(const GivenRatings& given) {
  const bool per_item = towers_.fold_in.fill == FoldInRule::Fill::per_item;
  float fill = 1;  // of this user, times the item's
  if (!per_item && given.values.empty()) {
    fill = 0.5f * (towers_.range.low + towers_.range.high);
  } else if (!per_item) {
    fill = std::accumulate(given.values.begin(), given.values.end(), 0.0f) /
           static_cast<float>(given.values.size());
  }
  ridge_ = all_items_;
  const auto right = ridge_.right();
  for (float& x : right) x *= fill;
  std::fill(weights_.begin(), weights_.end(), 1.0f);
  for (std::size_t k = 0; k < given.items.size(); ++k) {
    const std::uint32_t item = given.items[k];
    targets_[k] = given.values[k] - fill * (per_item ? towers_.fold_in.item_fill[item] : 1.0f);
    const auto q = factors_of(item);
    for (std::size_t f = 0; f < q.size(); ++f) right[f] += targets_[k] * q[f];
  }
}

// Targets are what each rating pulls with: confidence times preference.
void FoldIn::gather_implicit(const GivenRatings& given, std::optional<float> regularization) {
  const FoldInRule& rule = towers_.fold_in;
  ridge_.start_from(gram_);
  targets_.clear();
  weights_.assign(given.items.size(), 1);
  std::size_t observed = 0;
  for (std::size_t k = 0; k < given.items.size(); ++k) {
    const float strength =
        rule.implicit->strength(given.values[k], given.weights.empty() ? 1 : given.weights[k]);
    const auto q = factors_of(given.items[k]);
    ridge_.add(q, 0, std::abs(strength));
    targets_.push_back(rule.implicit->pull(strength));
    const auto right = ridge_.right();
    for (std::size_t f = 0; f < q.size(); ++f) right[f] += targets_.back() * q[f];
    if (strength != 0) ++observed;
  }
  penalties_.assign(
      width_, implicit_penalty(regularization.value_or(rule.regularization), rule.frequency_scaling,
                               rule.implicit->unobserved_weight, observed, towers_.items.rows()));
}

// The minimum of the penalised cross-entropy, by iteratively reweighted least squares with the
// weights of Jaakkola and Jordan (2000): (p - 1/2) / s for the score s, a parabola that lies above
// the loss and touches it at s, so that every round lowers the loss. (Newton's own weights p (1 -
// p) swing back and forth when ratings contradict a confident average.) A round is a ridge
// regression on working targets z^T x + (t - p) / weight; the last one's equations stay gathered.
void FoldIn::gather_logistic(const GivenRatings& given) {
  const std::vector<float> given_weights = weights_;
  std::fill(solution_.begin(), solution_.end(), 0.0f);
  for (int round = 0; round < 200; ++round) {
    for (std::size_t k = 0; k < given.items.size(); ++k) {
      const std::uint32_t item = given.items[k];
      const float moved = with_rows_of(item, solution_);
      const float score = base_score(item) + moved;
      const float p = scalar::sigmoid1(score);
      const float weight = std::abs(score) < 1e-2f ? 0.25f : (p - 0.5f) / score;
      const float target =
          (given.values[k] - towers_.range.low) / (towers_.range.high - towers_.range.low);
      targets_[k] = moved + (target - p) / weight;
      weights_[k] = given_weights[k] * weight;
    }
    add_rows(given);
    const std::vector<float> before = solution_;
    ridge_.factorize(penalties_);
    ridge_.solve(solution_);
    float change = 0, largest = 1;
    for (std::size_t f = 0; f < width_; ++f) {
      change = std::max(change, std::abs(solution_[f] - before[f]));
      largest = std::max(largest, std::abs(solution_[f]));
    }
    if (change < 1e-6f * largest) break;
  }
}

void FoldIn::require_finite_solution() const {
  if (std::all_of(solution_.begin(), solution_.end(), [](float x) { return std::isfinite(x); }))
    return;
  fail(ErrorCode::out_of_range, "ratings", {"ratings or weights are too large to be solved for"});
}

void FoldIn::solve(const GivenRatings& given, const UserRow& start,
                   std::optional<float> regularization) {
  start_ = start;
  std::fill(solution_.begin(), solution_.end(), 0.0f);
  if (!towers_.fold_in.own_parameters) return;
  gather(given, regularization);
  ridge_.factorize(penalties_);
  ridge_.solve(solution_);
  require_finite_solution();
}

FoldedUser FoldIn::fold(const GivenRatings& given, const UserRow& start,
                        std::optional<float> regularization) {
  if (towers_.fold_in.ranking) return RankingFoldIn(towers_).fold(given, start, regularization);
  check(given, regularization);
  solve(given, start, regularization);
  FoldedUser user;
  user.vector.assign(solution_.begin(),
                     solution_.begin() + static_cast<std::ptrdiff_t>(towers_.factors));
  for (std::size_t f = 0; f < towers_.factors; ++f) user.vector[f] += start.row[f];
  user.bias = start.offset - towers_.base_offset;
  if (with_bias_) user.bias += solution_[towers_.factors];
  return user;
}

ScoreParts FoldIn::explain(const GivenRatings& given, std::uint32_t item, const UserRow& start,
                           std::optional<float> regularization) {
  if (towers_.fold_in.ranking) {
    return RankingFoldIn(towers_).explain(given, item, start, regularization);
  }
  if (item >= towers_.items.rows()) {
    fail(ErrorCode::out_of_range, "item", {"item is not known to the model"});
  }
  check(given, regularization);
  solve(given, start, regularization);
  ScoreParts parts;
  parts.score = base_score(item) + with_rows_of(item, solution_);

  if (!towers_.fold_in.own_parameters) {
    parts.base = parts.score;
    parts.contributions.assign(given.items.size(), 0.0f);
    return parts;
  }
  // The influence A^-1 z_item.
  std::vector<float> z(width_, 1.0f), influence(width_);
  std::ranges::copy(factors_of(item), z.begin());
  ridge_.solve_for(z, influence);
  float sum = 0;
  for (std::size_t k = 0; k < given.items.size(); ++k) {
    parts.contributions.push_back(weights_[k] * targets_[k] *
                                  with_rows_of(given.items[k], influence));
    sum += parts.contributions.back();
  }
  // What is left is what the model says without any rating: biases, and the fill.
  parts.base = parts.score - sum;
  return parts;
}

}  // namespace featherfm
