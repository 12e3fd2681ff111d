// The parameters of a hybrid model (Kula 2015, "Metadata Embeddings for User and Item Cold-start
// Recommendations"): every feature of a user or an item has an embedding and a bias, and
//
//   score(u, i) = <p_u, q_i> + b_u + c_i,   p_u = sum_j x_uj e_j,   b_u = sum_j x_uj beta_j
//
// with q_i and c_i likewise over the features x_i of the item. Identity columns among the features
// make it matrix factorization; without them users and items are what their features say.
#pragma once

#include <cstdint>
#include <optional>

#include "base/matrix.h"
#include "data/design.h"
#include "model/field_strength.h"
#include "model/towers.h"

namespace featherfm {

// What training minimises (train/hybrid_sgd.h); all but the first compare pairs of items.
enum class HybridLoss { logistic, bpr, warp, warp_kos };

// What training leaves for placing somebody new (rank/hybrid_fold_in.h).
struct HybridRule {
  HybridLoss loss = HybridLoss::warp;
  // Interactions with values from here on are positives, the others dislikes; empty: values above 0
  // are positives.
  std::optional<float> positive_from;
  float learning_rate = 0.05f;
  float user_regularization = 0;
  std::uint32_t max_sampled = 10;
  std::uint64_t seed = 1;

  bool positive(float value) const { return positive_from ? value >= *positive_from : value > 0; }
};

struct HybridModel {
  Matrix rows;  // columns x (k + 1): the embedding of each column, then its bias
  // What the optimizer remembers of each parameter, so that training goes on as it would have:
  // AdaGrad's sums of squared gradients from 1 up, or AdaDelta's means of squared gradients and of
  // squared steps. `steps` has no rows under AdaGrad.
  Matrix squares, steps;
  bool normalize = true;  // whether a row's features are divided by the sum of their absolute values
  HybridRule rule;
  FeatureSpace space;  // the fields of users and items; the tables as given, not normalized
  Link link = Link::identity;  // logistic for the loss of that name: scores are log odds
  ValueRange range;            // 0 to 1 then, else unlimited
  FoldInRule fold_in;

  std::size_t columns() const { return rows.rows(); }
  std::size_t factors() const { return rows.columns() - 1; }

  bool all_finite() const;

  // The serving form: user row [p_u, 1], item row [q_i, c_i], user offset b_u.
  Towers towers() const;
  // The same over other tables of the model's columns: of users and items only features describe.
  Towers towers(const SparseRows& users, const SparseRows& items) const;
};

// The rows, each divided by the sum of its absolute values; empty ones stay empty.
SparseRows normalized(const SparseRows& table);

// [p_u, b_u], or [q_i, c_i], of row `r` of a table: k + 1 numbers, and zeros up to the stride of
// `model.rows`.
AlignedFloats represent(const HybridModel& model, const SparseRows& table, std::uint32_t r);

// How much weight a field carries, as for factorization machines.
FieldStrength field_strength(const HybridModel& model, const ColumnField& field);

}  // namespace featherfm
