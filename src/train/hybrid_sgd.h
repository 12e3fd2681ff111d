// Hybrid models by stochastic gradient descent on a loss of single interactions or of pairs of
// items.
#pragma once

#include <memory>

#include "train/hybrid_options.h"

namespace featherfm {

// Visits the interactions one by one (the positives alone, for losses of pairs) and moves what the
// user and the items are made of. With s the scores, w the interaction's weight:
//
//   logistic   cross-entropy of sigmoid(s) against the label, dislikes being 0
//   bpr        -w log sigmoid(s_positive - s_negative), the negative drawn from the interaction
//              list, so by popularity, until it is no item the user has met (Rendle et al. 2009)
//   warp       items are drawn uniformly until one violates s_negative > s_positive - 1; the pair
//              counts min(10, w log(max(1, floor((items - 1) / draws)))) times its hinge loss, an
//              estimate of the positive's rank (Weston, Bengio, Usunier 2011). An item the user has
//              met uses up a draw. No violator in `max_sampled` draws: nothing to learn.
//   warp_kos   as warp, for the k-th best of n of the user's positives, drawn with replacement
//              (Weston, Yee, Weiss 2013)
//
// Met is whatever stands in the data, dislikes too: they are neither positives nor negatives, except
// for the logistic loss. The biases of users cannot change a ranking and stay as they are under
// losses of pairs. The penalty pulls every parameter of a side back at every step, by alpha times
// the mean size of the step.
//
// Training losses: mean cross-entropy, or mean loss of a pair (rank-weighted hinge loss), measured
// on the way. Validation loss: mean cross-entropy; for losses of pairs 1 - AUC, over all items but
// those of `known`.
//
// `start`: continue from these parameters and what the optimizer remembers. Errors at once: options
// out of range, those of initial_hybrid(); empty when losses of pairs find no positive; while
// training: diverged.
std::unique_ptr<HybridTrainer> make_hybrid_sgd(const HybridOptions& options, HybridData data,
                                               const HybridModel* start = nullptr);

}  // namespace featherfm
