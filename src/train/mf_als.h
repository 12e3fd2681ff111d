// Explicit matrix factorization by alternating least squares (Zhou, Wilkinson, Schreiber, Pan
// 2008): with the items held, each user's best factors and bias are the solution of one small ridge
// regression, and the other way round.
#pragma once

#include <memory>
#include <optional>

#include "data/interactions.h"
#include "model/matrix_factorization.h"
#include "train/mf_options.h"

namespace featherfm {

// Minimises sum w (r - y(u, i))^2 + lambda_u sum n_u^s |P_u|^2 + lambda_i sum n_i^s |Q_i|^2 +
// (biases likewise); s = 1 is the weighted-lambda regularization of the paper. The global bias
// stays at the weighted mean. Solver: Cholesky. MfOptions::epochs counts sweeps over users and
// items. Errors as in make_mf_sgd.
std::unique_ptr<MfTrainer> make_mf_als(const MfOptions& options,
                                       std::shared_ptr<const Interactions> data,
                                       std::shared_ptr<const Interactions> validation,
                                       std::optional<MatrixFactorization> start = std::nullopt);

}  // namespace featherfm
