// Matrix factorization by stochastic gradient descent, plain or with the step rules of AdaGrad and
// Adam.
#pragma once

#include <memory>
#include <optional>

#include "data/interactions.h"
#include "model/matrix_factorization.h"
#include "train/mf_options.h"

namespace featherfm {

enum class Loss { squared, logistic };
enum class Optimizer { sgd, adagrad, adam };

struct MfSgdOptions : MfOptions {
  Loss loss = Loss::squared;
  Optimizer optimizer = Optimizer::sgd;
  float learning_rate = 0.05f;  // above 0, to 1e9
  float learning_rate_decay =
      0.93f;  // the rate is multiplied by this after every epoch; above 0, to 1
  float beta1 = 0.9f, beta2 = 0.999f;  // Adam's memory, 0 to below 1

  void validate() const;
};

// Minimises, over the ratings r with weight w,
//   sum w (r - y(u, i))^2 / 2 + lambda_u n_u^s |P_u|^2 / 2 + ...   (squared loss; logistic:
//   cross-entropy)
// by steps of one rating at a time (Koren, Bell, Volinsky 2009; Funk 2006). Ratings are shuffled
// once, then visited in blocks whose order is drawn anew every epoch: memory is read in order, and
// no two epochs are alike.
//
// `start`: continue from these parameters (indices must mean the same users and items).
// `validation` may be null. Errors at once: options out of range, empty data, ratings outside the
// range of the logistic loss.
std::unique_ptr<MfTrainer> make_mf_sgd(const MfSgdOptions& options,
                                       std::shared_ptr<const Interactions> data,
                                       std::shared_ptr<const Interactions> validation,
                                       std::optional<MatrixFactorization> start = std::nullopt);

}  // namespace featherfm
