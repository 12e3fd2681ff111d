// The baseline predictor: what is left of a rating when nobody has a taste (Koren, Bell, Volinsky
// 2009):
//   y(u, i) = mu + b_u + b_i
#pragma once

#include <memory>
#include <optional>

#include "data/interactions.h"
#include "model/matrix_factorization.h"
#include "train/trainer.h"

namespace featherfm {

struct BiasesOptions {
  std::uint32_t epochs = 10;  // sweeps over items and users, 1 to 100,000
  // lambda: a bias is the mean residual of its n ratings times n / (n + lambda); 0 to 1e6.
  float user_regularization = 4, item_regularization = 4;
  std::optional<ValueRange> value_range;  // empty: the range of the training values
  std::uint32_t patience = 0;             // epochs without improvement before stopping; 0: never

  // Throws Error naming the option in the package's spelling.
  void validate() const;
};

// Minimises sum w (r - y)^2 + lambda_u sum b_u^2 + lambda_i sum b_i^2 by turns, each side exactly;
// mu is the weighted mean. Gives a matrix factorization of 0 factors. Errors: empty `data` or
// `validation`; those of validate(); diverged where values are too large to be summed up.
std::unique_ptr<ModelTrainer<MatrixFactorization>> make_biases(
    const BiasesOptions& options, std::shared_ptr<const Interactions> data,
    std::shared_ptr<const Interactions> validation);

}  // namespace featherfm
