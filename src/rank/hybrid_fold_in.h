// Placing a new user of a hybrid model by their ratings: gradient steps of the loss the model was
// trained with, on a vector of the user's own, with the items held.
#pragma once

#include <optional>

#include "model/hybrid.h"
#include "rank/fold_in.h"

namespace featherfm {

// Thirty passes over the ratings in the order given, by AdaGrad with the model's rate. The losses
// of pairs learn from the positives among the ratings; negatives are drawn uniformly among the
// items that were not given, for "bpr" too, as no interaction list is at hand; "warp_kos" takes
// every positive as "warp" does, as a newcomer has few. The logistic loss learns from all ratings,
// and gives the user a bias. The same ratings in the same order under the same seed give the same
// user.
class HybridFoldIn {
 public:
  HybridFoldIn(const Towers& towers, const HybridRule& rule);

  // `start`: what the user's features say; the penalty (the model's own unless given) holds for the
  // distance from there. Weights scale the steps of their ratings. No ratings: the start itself.
  // Errors: those of require_ratings().
  FoldedUser fold(const GivenRatings& given, const UserRow& start,
                  std::optional<float> regularization = std::nullopt);

  // Every step was taken for one rating, so the user's vector is the start and a sum over the
  // ratings, and so is each score.
  ScoreParts explain(const GivenRatings& given, std::uint32_t item, const UserRow& start,
                     std::optional<float> regularization = std::nullopt);

 private:
  // Leaves in moves_ what each rating moved the user by.
  void place(const GivenRatings& given, const UserRow& start, std::optional<float> regularization);
  void step(std::size_t rating, const float* source, float slope);

  const Towers& towers_;
  HybridRule rule_;
  bool logistic_;
  float alpha_ = 0;
  Matrix moves_;  // ratings x (factors + 1): vector, then bias
  AlignedFloats user_, squares_, source_;
};

}  // namespace featherfm
