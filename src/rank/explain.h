// Why a model gives a user a score: which of the user's own ratings carried it, and, of a
// factorization machine, which features.
//
//   score = base + sum of the ratings' contributions
//   base  = rest + sum of the columns' shares
//
// The ratings. A user's parameters are what the ratings made of them: with the items held, the
// penalised least squares of rank/fold_in.h, x = A^-1 sum_j z_j t_j, is linear in the targets, so
// the rating of item j contributes t_j <z_item, A^-1 z_j> (Hu, Koren, Volinsky 2008, section 5).
// Parameters that were learned otherwise, by gradient steps say, are not quite that solution; the
// difference, and what holds without any rating, is the base.
//
// The columns of a machine. y(x) is a sum over columns and pairs of columns; a pair's part belongs
// to both halves alike, which is the columns' Shapley value with absence as the baseline:
//   share_j = w_j x_j + 1/2 x_j <v_j, s - x_j v_j>,  s = sum_l x_l v_l
// with s over the columns of the other side alone where only pairs between sides count.
// A user's identity column takes no part in this: it is what the ratings are about, with all that
// it gives together with the other columns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/seen_items.h"
#include "model/factorization_machine.h"
#include "model/item_neighbours.h"
#include "model/towers.h"
#include "rank/fold_in.h"

namespace featherfm {

struct ColumnShare {
  std::uint32_t column = 0;
  float share = 0;
};

struct Explanation {
  float score = 0, base = 0;         // in the units of the score
  std::vector<float> contributions;  // of the ratings, in their order
  std::vector<ColumnShare> columns;  // of the base: the user's, then the item's; none of other
                                     // models
};

// What a user rated in training, each item once: of an item that was rated anew the last rating.
// Under the logistic link of ratings limited to the range, as labels of -1 are.
struct OwnRatings {
  std::vector<std::uint32_t> items;
  std::vector<float> values;

  GivenRatings given() const { return {items, values, {}}; }
};
// Throws Error{invalid_argument, "model"} where the model does not know the ratings of its users.
OwnRatings own_ratings(const SeenItems& seen, std::uint32_t user, const Towers& towers);

// The row of a user of the machine without the identity column: what is known besides ratings.
SparseRows without_identity(const FactorizationMachine& model, std::uint32_t user);

// Of a model of neighbours: what each item met counts times how alike the two are; the base is 0.
ScoreParts explain_by_neighbours(const ItemNeighbours& neighbours,
                                 std::span<const std::uint32_t> met, std::span<const float> worth,
                                 std::uint32_t item);

// `folded`: what the fold-in says of the ratings; `score`: the score to be explained.
Explanation explain(const ScoreParts& folded, float score);
// Of a machine: `user` is the row that the fold-in started from, `rated` the items of the ratings.
// What the column of a rated item in the set "user-items" gives is that rating's too.
Explanation explain(const ScoreParts& folded, float score, const FactorizationMachine& model,
                    const SparseRows::Row& user, std::uint32_t item,
                    std::span<const std::uint32_t> rated);

}  // namespace featherfm
