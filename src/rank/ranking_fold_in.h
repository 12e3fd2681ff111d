// Placing a new user of a model that was trained to rank (model/towers.h, RankingRule) by their
// ratings: gradient steps of the loss the model was trained with, on a vector of the user's own,
// with the items held.
#pragma once

#include <optional>

#include "rank/fold_in.h"

namespace featherfm {

// Thirty passes over the ratings in the order given, by AdaGrad with the rule's rate. The losses of
// pairs learn from the likes among the ratings; negatives are drawn uniformly among the items that
// were not given, for "bpr" too, as no interaction list is at hand; "warp_kos" takes every like as
// "warp" does, as a newcomer has few. The logistic loss learns from all ratings, and gives the user
// a bias. The same ratings in the same order give the same user.
class RankingFoldIn {
 public:
  // The towers must have a rule for ranking.
  explicit RankingFoldIn(const Towers& towers);

  // `start`: what the user's features say; the penalty (the rule's unless given) holds for the
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
  void settle();
  float score(std::uint32_t item) const;  // of the user as it stands, without its bias

  const Towers& towers_;
  const RankingRule& rule_;
  bool logistic_;
  float alpha_ = 0;
  // ratings x (factors + 1): vector, then bias. What each rating moved the user by is `scale_`
  // times its row, so that the penalty's pull on all of them takes no time.
  Matrix moves_;
  float scale_ = 1;
  AlignedFloats moved_;  // their sum
  AlignedFloats user_;   // start and moves, then 1
  AlignedFloats squares_, source_;
};

}  // namespace featherfm
