// Matrix factorization of implicit feedback by alternating least squares (Hu, Koren, Volinsky
// 2008): every pair counts, those that were met with more confidence. The losses and the ways to
// solve for a row stand in train/implicit_sweeps.h; what the values mean in model/implicit_rule.h.
#pragma once

#include <memory>
#include <optional>

#include "data/interactions.h"
#include "model/implicit_rule.h"
#include "model/matrix_factorization.h"
#include "train/trainer.h"

namespace featherfm {

enum class ImplicitSolver { cholesky, conjugate_gradient, subspace };

struct ImplicitAlsOptions {
  std::uint32_t factors = 64;  // 1 to 1024
  std::uint32_t epochs = 10;   // sweeps over users and items, 1 to 100,000
  // Above 0 to 1e6. Empty: so that the strengths of the training data are 1 in the mean; training
  // that goes on keeps what it had.
  std::optional<float> alpha;
  float unobserved_weight = 0.2f;      // 0 to 1e6
  std::optional<float> positive_from;  // finite
  float regularization = 0.04f;        // lambda; 0 to 1e6
  float frequency_scaling = 0.9f;      // of implicit_penalty(), 0 to 1
  ImplicitSolver solver = ImplicitSolver::conjugate_gradient;
  std::uint32_t steps = 3;  // of the conjugate gradient, for each row; 1 to 1,000
  std::uint32_t block_size =
      32;                      // of the subspace solver, 1 to 1024; rounded up to a multiple of 4
  std::uint32_t patience = 0;  // epochs without improvement before stopping; 0: never
  std::uint64_t seed = 1;

  // Throws Error naming the option in the package's spelling.
  void validate() const;
};

// The model has no biases; its fold-in rule carries the ImplicitRule. Users and items without any
// observation stay zero, or as they are in `start`: a model of the same number of factors that
// training goes on from, grown to the users and items of the data.
//
// Losses: `loss` of the training is the mean over all pairs by their confidence of (p - s)^2, the
// penalty left out, `rmse` its root. With validation data, `loss` is 1 - NDCG@10 over the users
// (at most 1000 of them, evenly spread) with likes there, the items of the training data left out
// of the ranking; rmse and mae are those of the scores of the likes against 1. Its best epoch is
// what the model holds.
//
// Errors: empty `data` or `validation`; those of validate() and entries_by_user();
// invalid_argument `factors` for a start with another number; diverged.
std::unique_ptr<ModelTrainer<MatrixFactorization>> make_implicit_als(
    const ImplicitAlsOptions& options, std::shared_ptr<const Interactions> data,
    std::shared_ptr<const Interactions> validation,
    std::optional<MatrixFactorization> start = std::nullopt);

}  // namespace featherfm
