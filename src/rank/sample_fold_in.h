// Placing a new user in every sample of a Bayesian machine: in each the conditional mean of the
// user's own parameters given their ratings, under that sample's priors (rank/fold_in.h does one
// sample).
#pragma once

#include <optional>

#include "model/posterior_prediction.h"
#include "rank/fold_in.h"

namespace featherfm {

class SampleFoldIn {
 public:
  // The arguments must outlive this. `start`: what is known of the user besides the ratings.
  SampleFoldIn(const FactorizationMachine& model, const Towers& towers, const SampleTowers& samples,
               const SampleUser& start)
      : model_(model), towers_(towers), samples_(samples), start_(start) {}

  // For classes, the ratings' latent scores are what the classes say of them at the scores found so
  // far, and found anew with them (expectation and maximization in turn). `regularization` as in
  // FoldIn: given, it takes the place of every sample's own. Errors: those of FoldIn, and
  // out_of_range for a rating that is no class.
  SampleUser fold(const GivenRatings& given, std::optional<float> regularization) const;

  // Means over the samples of score, base and contributions, in the units of the score.
  ScoreParts explain(const GivenRatings& given, std::uint32_t item,
                     std::optional<float> regularization) const;

 private:
  struct OneSample;
  void add_own_variances(const GivenRatings& given, std::optional<float> regularization,
                         SampleUser& user) const;

  const FactorizationMachine& model_;
  const Towers& towers_;
  const SampleTowers& samples_;
  const SampleUser& start_;
};

}  // namespace featherfm
