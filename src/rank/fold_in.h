// Placing a new user among the others by their ratings, with the items held: one ridge regression,
// as in a half sweep of alternating least squares. With the logistic link the same by iteratively
// reweighted least squares.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ridge.h"
#include "model/towers.h"
#include "rank/top_k.h"

namespace featherfm {

// What a new user gave. Items below the number of items, each at most once; weights empty: all 1.
struct GivenRatings {
  std::span<const std::uint32_t> items;
  std::span<const float> values;
  std::span<const float> weights;
};

// Throws Error unless there are as many values (and weights) as items, every item is below `items`
// and given once, values are finite and weights and regularization in range. Errors:
// size_mismatch, out_of_range, duplicate, not_finite.
void require_ratings(const GivenRatings& given, std::size_t items,
                     std::optional<float> regularization);

struct FoldedUser {
  std::vector<float> vector;  // factors
  float bias = 0;             // on top of Towers::base_offset

  // As a row of the user tower.
  UserRow tower_row(const Towers& towers) const;
};

// score = base + sum of contributions, one for each rating given, in their order; in the units of
// the score (log odds under the logistic link).
struct ScoreParts {
  float score = 0, base = 0;
  std::vector<float> contributions;
};

// One object serves many users of one model.
class FoldIn {
 public:
  explicit FoldIn(const Towers& towers);

  // Minimises the training loss over the new user's parameters, plus lambda n^s |vector|^2 and
  // likewise for the bias; the model's own lambda unless `regularization` is given (it then holds
  // for vector and bias). For the SVD of a filled matrix, the projection of the filled row (weights
  // are not used). For implicit feedback, the row that training would solve for with these items
  // (train/implicit_sweeps.h). Of models that were trained to rank, the steps of
  // rank/ranking_fold_in.h. No ratings: the average user. Errors: size_mismatch, out_of_range
  // (item, weight, regularization), not_finite, duplicate; out_of_range for a value outside the
  // range of the logistic link. `start`: what is known of the user besides the ratings; the
  // penalties hold for the distance from there. Without it the average user.
  FoldedUser fold(const GivenRatings& given, const UserRow& start,
                  std::optional<float> regularization = std::nullopt);
  FoldedUser fold(const GivenRatings& given, std::optional<float> regularization = std::nullopt) {
    return fold(given, average_user(towers_), regularization);
  }

  // How each rating moved the score of `item`: the solution is linear in the ratings, x = A^-1
  // sum_j z_j t_j, so score = base + sum_j t_j <z_item, A^-1 z_j>.
  ScoreParts explain(const GivenRatings& given, std::uint32_t item, const UserRow& start,
                     std::optional<float> regularization = std::nullopt);
  ScoreParts explain(const GivenRatings& given, std::uint32_t item,
                     std::optional<float> regularization = std::nullopt) {
    return explain(given, item, average_user(towers_), regularization);
  }

 private:
  void check(const GivenRatings& given, std::optional<float> regularization) const;
  // Leaves in solution_ how far the ratings move the user from `start`.
  void solve(const GivenRatings& given, const UserRow& start, std::optional<float> regularization);
  // Gathers the final (linear) equations; targets_ and weights_ hold what they were made of.
  void gather(const GivenRatings& given, std::optional<float> regularization);
  void gather_filled(const GivenRatings& given);
  void gather_logistic(const GivenRatings& given);
  void gather_implicit(const GivenRatings& given, std::optional<float> regularization);
  void add_rows(const GivenRatings& given);
  std::span<const float> factors_of(std::uint32_t item) const;
  void require_finite_solution() const;
  float base_score(std::uint32_t item) const;  // of the start
  float with_rows_of(std::uint32_t item, std::span<const float> x) const;

  const Towers& towers_;
  std::size_t width_;
  bool filled_, with_bias_, implicit_;
  Ridge ridge_;
  Ridge all_items_;  // for filled matrices: every item with its fill as the target
  Matrix gram_;      // for implicit feedback: unobserved weight times the items' Gram matrix
  UserRow start_;
  std::vector<float> penalties_, targets_, weights_, solution_;
};

}  // namespace featherfm
