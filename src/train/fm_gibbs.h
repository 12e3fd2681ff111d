// Bayesian factorization machines by Gibbs sampling (Freudenthaler, Schmidt-Thieme, Rendle 2011,
// "Bayesian Factorization Machines"): every parameter is drawn from its distribution given all
// others, and so are the precisions and means of their priors, of which each field has its own for
// the linear part and every factor. Nothing has to be regularized by hand.
#pragma once

#include <memory>
#include <optional>

#include "train/fm_options.h"

namespace featherfm {

struct FmGibbsOptions {
  // classification: probit. ordinal: ordered probit with learned cutpoints; the classes are the
  // distinct targets, at most 100.
  Task task = Task::regression;
  std::uint32_t factors = 10;           // k of each sample, 0 to 256
  bool constant = true, linear = true;  // whether w0 and w are learned (ordinal: no w0)
  std::uint32_t burn_in = 20;           // sweeps of each chain that do not count, 0 to 100,000
  std::uint32_t samples = 200;          // sweeps that count, of all chains; 1 to 100,000
  // Chains, one after the other from other initial factors, that share the samples evenly; 1 to
  // 100, and no more than samples. One chain hardly leaves the mode of the posterior it came to
  // first; some short ones average over several.
  std::uint32_t chains = 1;
  std::uint32_t keep = 50;                // samples the model keeps, evenly spread; 1 to 1,000
  float initial_scale = 0.1f;             // standard deviation of the initial factors; 0 to 10
  std::optional<ValueRange> value_range;  // empty: the range of the training targets
  std::uint64_t seed = 1;

  void validate() const;
};

// One sweep draws, in this order: the precision alpha of the noise (or the cutpoints and latent
// scores), the constant, for the linear part and each factor the priors' precisions and means, then
// the parameters. Hyper-priors as in libFM: Gamma(1/2, 1/2) for alpha and the precisions, N(0,
// 1/precision) for the means. An epoch of the reports is a sweep; validation losses are those of
// the average over all samples so far, whether kept or not. Weights multiply alpha; only for
// regression.
//
// model() holds the samples kept so far; the last sample of the burn-in before the first.
// `start`: goes on with the chain of a sampled model where it stopped, bit for bit as if it had not
// stopped where the data are the same; its samples stay, thinned with the new ones to `keep`. Of
// several chains it is the last that goes on, and alone: `chains` must be 1.
// Errors at once: options out of range, empty, out_of_range (labels, too many classes),
// invalid_argument (weights with another task than regression, chains); while training: diverged.
std::unique_ptr<FmTrainer> make_fm_gibbs(const FmGibbsOptions& options, FmData data,
                                         const FactorizationMachine* start = nullptr);

}  // namespace featherfm
