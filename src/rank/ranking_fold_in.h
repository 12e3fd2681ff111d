// Placing a new user in a model that was trained to rank (model/towers.h, RankingRule): steps of
// the training loss on the user's own vector and bias, with the items held.
#pragma once

#include "rank/fold_in.h"

namespace featherfm {

// Starts from `start` (what is known of the user besides the ratings) and does a fixed number of
// AdaGrad passes over the likes, with draws that depend on nothing but the given ratings: the same
// ratings give the same vector. Likes pull, items not given (and, for logistic, dislikes) push.
// Nothing liked and nothing disliked: the start. Errors as in FoldIn::fold; `regularization` in the
// place of the rule's.
FoldedUser fold_by_ranking(const Towers& towers, const RankingRule& rule, const GivenRatings& given,
                           const UserRow& start,
                           std::optional<float> regularization = std::nullopt);

}  // namespace featherfm
