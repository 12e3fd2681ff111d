// The one serving form. Every model hands out towers; ranking, fold-in and metrics know nothing
// else.
//
//   score(u, i) = user_offsets[u] + dot(users.row(u), items.row(i))
//   value(u, i) = the score through the link, in the units of the ratings
//
// Biases of items are folded in as a last column (1 on the user's side), so that a scan over all
// items is nothing but dot products; what depends on the user alone cannot change a ranking and
// stays in the offset.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/matrix.h"
#include "base/simd.h"
#include "model/implicit_rule.h"

namespace featherfm {

enum class Link {
  identity,  // the score is the value
  logistic,  // value = low + (high - low) / (1 + e^-score)
};

// Lowest and highest value there can be: clips predictions, and says what 0 and 1 mean under the
// logistic link.
struct ValueRange {
  float low = 0, high = 1;
};

// Throws Error unless the range is empty, or finite with low < high.
void validate_value_range(const std::optional<ValueRange>& range);

enum class RankingLoss { logistic, bpr, warp, warp_kos };

// How a model that was trained to rank (train/hybrid_sgd.h) places a new user: by steps of the same
// loss with the items held.
struct RankingRule {
  RankingLoss loss = RankingLoss::warp;
  float learning_rate = 0.05f, regularization = 0;
  std::uint32_t max_sampled = 10, kth = 5, positives = 10;
  std::optional<float> positive_from;  // values from here on are liked; empty: those above 0

  bool likes(float value) const { return positive_from ? value >= *positive_from : value > 0; }
};

// Whether the numbers are in the ranges of the training options they come from.
bool valid(const RankingRule& rule);

// How a new user's vector is found from their ratings (rank/fold_in.h).
struct FoldInRule {
  float regularization = 0,
        bias_regularization = 0;  // lambda; times n^frequency_scaling for n ratings
  float frequency_scaling = 1;
  bool user_bias = true;  // whether the model gives users a bias
  // Whether users have parameters of their own; else ratings do not move anybody.
  bool own_parameters = true;
  // SVD of a filled matrix: what stands where the new user has no rating. Empty: nothing, only
  // ratings count.
  enum class Fill { none, per_item, user_mean } fill = Fill::none;
  std::vector<float> item_fill;        // for per_item, one value per item
  std::optional<RankingRule> ranking;  // takes the place of least squares
  // Of implicit feedback: every item counts, met or not, and frequency_scaling is that of
  // implicit_penalty(). There is no user bias then.
  std::optional<ImplicitRule> implicit;
};

// A score in the units of the values.
inline float value_of(float score, Link link, ValueRange range, bool clip) {
  if (link == Link::logistic) {
    return range.low + (range.high - range.low) * scalar::sigmoid1(score);
  }
  return clip ? std::clamp(score, range.low, range.high) : score;
}

struct Towers {
  std::size_t factors = 0;  // leading columns that are latent; behind them stands the bias column
  Matrix users, items;      // users x (factors + 1), items x (factors + 1)
  std::vector<float> user_offsets;
  float base_offset = 0;  // the offset of a user nothing is known about
  Link link = Link::identity;
  ValueRange range;
  FoldInRule fold_in;

  float score(const float* user_row, float offset, std::uint32_t item) const {
    return offset + simd::dot(user_row, items.row(item), items.stride());
  }

  // A pair's score; users and items the model never met count as average ones.
  float score(std::uint32_t user, std::uint32_t item) const {
    const bool known_user = user < users.rows(), known_item = item < items.rows();
    const float offset = known_user ? user_offsets[user] : base_offset;
    if (!known_item) return offset;
    if (!known_user) return offset + items.row(item)[factors];
    return score(users.row(user), offset, item);
  }

  float value_of(float score, bool clip) const {
    return featherfm::value_of(score, link, range, clip);
  }
};

// A row of a user tower made for somebody the model does not hold, with its offset.
struct UserRow {
  AlignedFloats row;  // users.stride() floats: the vector, then 1
  float offset = 0;
};

// Somebody nothing is known about.
inline UserRow average_user(const Towers& towers) {
  UserRow user{AlignedFloats(towers.users.stride()), towers.base_offset};
  user.row[towers.factors] = 1;
  return user;
}

// A user of the model; one it does not know is an average one.
inline UserRow user_row(const Towers& towers, std::uint32_t user) {
  if (user >= towers.users.rows()) return average_user(towers);
  const float* row = towers.users.row(user);
  return {AlignedFloats(row, row + towers.users.stride()), towers.user_offsets[user]};
}

}  // namespace featherfm
