// Hybrid models that learn to rank (Kula 2015, "Metadata Embeddings for User and Item Cold-start
// Recommendations"). A user is the weighted sum of the embeddings of their features, an item
// likewise, each with a bias:
//
//   s(u, i) = b_u + b_i + <p_u, q_i>,   p_u = sum_j x_uj v_j,  b_u = sum_j x_uj w_j
//
// Without other features the identity is the only one, which is matrix factorization. The model is
// a factorization machine whose pairs are those between a user's and an item's columns.
//
// Positives are the interactions whose value the user likes; the others are known dislikes. What
// was met, dislikes too, is never drawn as a negative.
//   logistic  cross-entropy of a sigmoid over likes and dislikes, labels +1 and -1
//   bpr       log-loss of s_pos - s_neg (Rendle et al. 2009); the negative is the item of an
//             interaction drawn at random, so that popular ones are met more often, until it is
//             none that the user has met
//   warp      up to `max_sampled` items are drawn until one scores more than s_pos - 1; the step
//             is weighted by min(10, w log(max(1, floor((items - 1) / draws)))), w the weight of
//             the interaction (Weston, Bengio, Usunier 2011). A draw of an item the user has met
//             counts, but is never a violator; without one nothing moves
//   warp-kos  as warp for the k-th best of n positives of the user drawn with replacement (Weston,
//             Yee, Weiss 2013)
#pragma once

#include <memory>

#include "train/hybrid_options.h"

namespace featherfm {

// Trains a machine with Pairs::between_sides. With the loss logistic its link is logistic over the
// range 0 to 1, else scores are ordinal and unlimited. Interactions' weights multiply their steps;
// those of weight 0 never move anything.
//
// Losses: `loss` of the training is the mean over the positives (logistic: over all interactions)
// by weight of the loss each had before its step, `rmse` is not measured (0). With validation data
// `loss` is 1 - AUC, the mean over users with likes there of the share of (liked, other) pairs in
// the wrong order, where items they met in training are left out; ties are wrong. The model holds
// the parameters of the best epoch.
//
// `start`: goes on from its parameters and the memory of its steps, translated to the columns of
// the new space; new columns start at (U - 0.5) / factors, biases at 0, as all do without a start.
// Columns that stand in no row of anybody the data have stay as they are.
// Errors at once: those of validate(); empty (no interaction; no positive where the loss needs
// one); invalid_argument `factors` for a start with another number; while training: diverged, with
// the last good epoch in model().
std::unique_ptr<FmTrainer> make_hybrid_sgd(const HybridOptions& options, HybridData data,
                                           const FactorizationMachine* start = nullptr);

}  // namespace featherfm
