// Hybrid models that learn to rank (Kula 2015, "Metadata Embeddings for User and Item Cold-start
// Recommendations"). A user is the weighted sum of the embeddings of their features, an item
// likewise, each with a bias:
//
//   s(u, i) = b_u + b_i + <p_u, q_i>,   p_u = sum_j x_uj v_j,  b_u = sum_j x_uj w_j
//
// Without other features the identity is the only one, which is matrix factorization. The model is
// a factorization machine whose pairs are those between a user's and an item's columns.
//
// Positives are the interactions whose value the user likes; the others are known dislikes.
//   logistic  cross-entropy of a sigmoid over likes and dislikes, labels +1 and -1
//   bpr       log-loss of s_pos - s_neg (Rendle et al. 2009); the negative is the item of an
//             interaction drawn at random, so that popular ones are met more often
//   warp      up to `max_sampled` items are drawn until one scores more than s_pos - 1; the step
//             is weighted by min(10, log(max(1, floor((items - 1) / draws)))) (Weston, Bengio,
//             Usunier 2011). A draw of an item the user likes counts, but is never a violator;
//             without one nothing moves
//   warp-kos  as warp for the k-th best of n positives of the user drawn with replacement (Weston,
//             Yee, Weiss 2013)
#pragma once

#include <memory>
#include <optional>

#include "data/interactions.h"
#include "train/fm_options.h"

namespace featherfm {

enum class StepRule {
  adagrad,   // Duchi, Hazan, Singer 2011; the sum of squares begins at 1
  adadelta,  // Zeiler 2012
};

struct HybridOptions {
  RankingLoss loss = RankingLoss::warp;
  StepRule steps = StepRule::adagrad;
  std::uint32_t factors = 32;   // 1 to 1024
  std::uint32_t epochs = 20;    // 1 to 100,000
  float learning_rate = 0.05f;  // of adagrad; above 0 to 1e9
  float rho = 0.95f;            // of adadelta: memory of its means, 0 to below 1
  float epsilon = 1e-6f;        // of adadelta, above 0 to 1
  // L2: every step shrinks all parameters of a side by the rate times this (by the global scale, so
  // that it costs nothing); 0 to 1.
  float user_regularization = 0, item_regularization = 0;
  std::uint32_t max_sampled = 10;      // of warp and warp-kos, 1 to 1,000,000
  std::uint32_t kth = 5;               // k of warp-kos, 1 to n
  std::uint32_t positives = 10;        // n of warp-kos, 1 to 1,000
  std::optional<float> positive_from;  // likes are values from here on; empty: those above 0
  std::uint32_t patience = 0;          // epochs without improvement before stopping; 0: never
  std::uint64_t seed = 1;

  // Throws Error naming the option in the package's spelling.
  void validate() const;
};

struct HybridData {
  FeatureSpace space;  // fields of users and items alone
  std::shared_ptr<const Interactions> train;
  std::shared_ptr<const Interactions> validation;  // may be null
};

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
