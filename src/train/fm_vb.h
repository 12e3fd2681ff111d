// Bayesian factorization machines by variational inference: the quick alternative to sampling
// (train/fm_gibbs.h), with the same priors. The posterior is approximated by independent normal
// distributions of all parameters (mean field; Bishop 2006, "Pattern Recognition and Machine
// Learning", chapter 10), found by coordinate ascent over the loop that the sampler draws in; for
// machines of two factors per example this is variational matrix factorization (Lim, Teh 2007;
// Ilin, Raiko 2010).
#pragma once

#include <memory>
#include <optional>

#include "train/fm_options.h"

namespace featherfm {

struct FmVbOptions {
  // classification: probit. ordinal: ordered probit, its cutpoints at the mode; the classes are the
  // distinct targets, at most 100.
  Task task = Task::regression;
  std::uint32_t factors = 10;             // k, 0 to 256
  bool constant = true, linear = true;    // whether w0 and w are learned (ordinal: no w0)
  std::uint32_t epochs = 20;              // sweeps over all parameters, 1 to 100,000
  std::uint32_t patience = 0;             // epochs without improvement before stopping; 0: never
  float initial_scale = 0.1f;             // standard deviation of the initial factors; 0 to 10
  std::optional<ValueRange> value_range;  // empty: the range of the training targets
  std::uint64_t seed = 1;

  void validate() const;
};

// Maximises the evidence lower bound
//   E[log p(targets, theta, mu, lambda, alpha)] - E[log q(theta, mu, lambda, alpha)]
// over q = prod_j N(theta_j; m_j, tau_j) prod_g q(mu_g, lambda_g) q(alpha), each group g of
// columns (a field, in the linear part or a factor) with its normal-gamma q(mu_g, lambda_g); for
// classes over the latent scores' truncated normal distributions instead of alpha. One sweep
// updates the constant, for the linear part and each factor the priors and then the parameters,
// and last alpha (or cutpoints and latent scores):
//   tau_j = 1 / (E[lambda_g] + E[alpha] S_j)
//   m_j = tau_j (E[lambda_g mu_g] + E[alpha] (S_j m_j - B_j)),  S and B as in coordinate_sweep.h
// Each of these steps is exact, so the bound never falls but for rounding. Losses::loss in training
// is its negative per example, up to a constant that depends on the data alone; rmse is that of the
// means. Validation losses are those of the predictions. Weights multiply alpha; only for
// regression.
//
// model() has the means as parameters, so that its score is the mean of y(x), and the variances in
// its posterior. Columns without an example have the mean and variance of their prior.
//
// `start`: a model of variational inference. What it knows becomes the prior of what is learned
// from the new examples (Broderick et al. 2013, "Streaming Variational Bayes"): parameters, noise
// and the priors of new columns; cutpoints stay. Errors at once: options out of range, empty,
// out_of_range (labels, classes), invalid_argument (weights with another task than regression,
// another task than `start`'s); while training: diverged.
std::unique_ptr<FmTrainer> make_fm_vb(const FmVbOptions& options, FmData data,
                                      const FactorizationMachine* start = nullptr);

}  // namespace featherfm
