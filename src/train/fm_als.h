// Factorization machines by alternating least squares: coordinate descent over the parameters, each
// set to the minimum of its parabola with the others held (Rendle, Gantner, Freudenthaler,
// Schmidt-Thieme 2011, "Fast Context-aware Recommendations with Factorization Machines").
#pragma once

#include <memory>

#include "train/fm_options.h"

namespace featherfm {

// Minimises  sum w (y(x) - target)^2 + sum_j lambda_j |theta_j|^2  for regression. Classification
// minimises the cross-entropy likewise: every sweep replaces it by the parabola of Jaakkola and
// Jordan (2000) that lies above it and touches it at the current scores, so that each sweep lowers
// it. FmOptions::epochs counts sweeps over all parameters, in the order constant, linear, factors.
//
// `start`: continue from these parameters. Where it says what they were learned from, each is held
// to its present value as firmly as that suggests, by the curvature of the squared error they came
// out of: a few further examples then move what belongs to them, and hardly what all share. Errors
// at once: options out of range, and those of initial_machine(); while training: diverged.
std::unique_ptr<FmTrainer> make_fm_als(const FmOptions& options, FmData data,
                                       const FactorizationMachine* start = nullptr);

}  // namespace featherfm
