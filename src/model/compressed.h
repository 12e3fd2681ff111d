// The compressed form of a model: matrix factorization with fewer factors that scores as nearly as
// it can.
#pragma once

#include <cstdint>

#include "model/factorization_machine.h"
#include "model/matrix_factorization.h"

namespace featherfm {

// Of all models  bias + user bias + item bias + <p, q>  with `factors` factors the one with the
// least sum of squared differences to the scores of `towers`, over all pairs of users and items.
// With P and Q centered (what is constant per user or item goes into the biases, which are exact),
// that is the truncated singular value decomposition of P Q^T (Eckart, Young 1936), found without
// forming it by a randomized range finder (Halko, Martinsson, Tropp 2011, algorithms 4.4 and 5.1).
// The singular values are kept with the model; the squared differences sum up to the squares of
// those left out. Users get U sqrt(S), items V sqrt(S). Somebody the model does not know counts as
// the mean of its users. Models of a filled matrix keep no biases and are not centered.
//
// New users are placed by least squares under the penalties of the model's own users, those of
// models trained to rank under small ones.
//
// `posterior`: of a Bayesian machine, or null; says what a new user is penalised by. The result
// predicts the mean score, clipped to the range. Errors: out_of_range (factors not 1 to 1024),
// invalid_argument "model" (no factors, no users and items, or a Bayesian machine of classes, which
// predicts more than a score).
MatrixFactorization compressed(const Towers& towers, const Posterior* posterior,
                               std::uint32_t factors);

}  // namespace featherfm
