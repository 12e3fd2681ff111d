// What a Bayesian factorization machine predicts: averages over its samples.
//
// Variances around a sample's parameters (variational inference) make its score a random variable,
// with the sample's y(x) as its mean and, v_j, tau_j the mean and variance of a factor,
// a_j = v_j x_j, t_j = tau_j x_j^2, the variance
//   V = tau_0 + sum_j tau_j x_j^2 + sum_f (T q^2 - 2 q D + 1/2 T^2 + sum_j (t_j a_j^2 - t_j^2 /
//   2)), q = sum_j a_j,  T = sum_j t_j,  D = sum_j t_j a_j.
// All sums are additive over the rows that make up an example. What classes are made of is taken
// for normal with these two moments: P(z < c) = Phi((c - y) / sqrt(1 + V)).
#pragma once

#include <span>
#include <vector>

#include "data/design.h"
#include "model/factorization_machine.h"
#include "model/towers.h"

namespace featherfm {

// Of one example. For regression the value, each sample's clipped to the range; for classification
// the probability of the label 1; for ordered classes the mean value.
struct Predicted {
  float mean = 0;
  // Standard deviation of the value: of the score over the samples and within them, and of the
  // noise around it; of the distribution over the classes.
  float deviation = 0;
};

// The samples' parts of the sum over a table's rows, as RowSums has the mean's.
class SampleSums {
 public:
  SampleSums(const FactorizationMachine& model, const SparseRows& table);
  void compute(const FactorizationMachine& model, const SparseRows& table, std::uint32_t begin,
               std::uint32_t end);

  Matrix vectors;  // rows + 1 x (S k), as in RowSums
  // rows + 1 x Posterior::parts(): a constant for each sample, as in RowSums; with variances
  // further the part of V that is additive, T of every factor, and D of every factor.
  Matrix parts;
};

// V above, from all rows' sums together; 0 without variances. `vector`: S k floats.
double score_variance(const Posterior& posterior, const float* vector, const float* parts);

SampleSums sample_sums(const FactorizationMachine& model, const SparseRows& table);

// The mean value of ordered classes for scores: scores[k] <- sum of the classes' values, weighted
// by their probabilities. `n` as in simd.h.
void class_means(std::span<const float> classes, std::span<const double> cutpoints, float* scores,
                 std::size_t n);

// Averages the samples' predictions of one example at a time.
class PosteriorAverage {
 public:
  explicit PosteriorAverage(const FactorizationMachine& model);

  // `scores`: of every sample; `variance`: of each of them.
  Predicted predict(std::span<const float> scores, double variance = 0);
  // Of the last call, for ordered classes; empty else.
  std::span<const float> probabilities() const { return probabilities_; }

 private:
  template <class Argument>
  double mean_below(const Argument& argument);

  const FactorizationMachine& model_;
  std::vector<float> probabilities_;
  AlignedFloats below_;  // of a cutpoint, in every sample
};

// A user in all samples: the row of the tower, and for each sample all its score has of the user
// alone (the machine's constant is in it).
struct SampleUser {
  AlignedFloats row;         // as UserRow::row
  std::vector<float> parts;  // Posterior::parts() of them; of variances as in SampleSums
};

// What the towers of a Bayesian machine leave out: the parts of each sample that its users and
// items have alone, so that a pair's score in sample s is user part + item part + S <P_s, Q_s>.
class SampleTowers {
 public:
  SampleTowers(const FactorizationMachine& model, const Towers& towers);

  // A user of the model; one it does not know is an average one.
  SampleUser user(std::uint32_t user) const;
  // Adds what row `r` of a table stands for (features, a context).
  void add_to(SampleUser& user, const SampleSums& sums, std::uint32_t r) const;
  // A user of whom nothing but the mean is known: every sample gets the same offset.
  SampleUser user_like(const UserRow& row) const;

  // The scores of a pair in every sample.
  void scores(const SampleUser& user, std::uint32_t item, std::span<float> scores) const;
  // The variance of each of these scores.
  double variance(const SampleUser& user, std::uint32_t item) const;

  float item_part(std::uint32_t item, std::size_t sample) const { return items_.row(item)[sample]; }
  std::size_t samples() const { return model_.posterior->samples(); }
  std::size_t parts() const { return model_.posterior->parts(); }

 private:
  const FactorizationMachine& model_;
  const Towers& towers_;
  Matrix users_, items_;  // users x parts(), items x parts()
};

// All examples of a design, in bounded pieces.
class PosteriorScores {
 public:
  PosteriorScores(const FactorizationMachine& model, const Design& design);
  bool advance();
  const std::vector<Predicted>& predicted() const { return predicted_; }
  // Row-major, examples x classes; empty unless the classes are ordered.
  const std::vector<float>& probabilities() const { return probabilities_; }

 private:
  const FactorizationMachine& model_;
  const Design& design_;
  TableSums<SampleSums> sums_;
  PosteriorAverage average_;
  std::size_t example_ = 0;
  AlignedFloats vector_, parts_;
  std::vector<float> scores_;
  std::vector<Predicted> predicted_;
  std::vector<float> probabilities_;
};

// One sample of the machine as a machine of its own, without space.
FactorizationMachine sample_of(const FactorizationMachine& model, std::size_t sample);

// The machine of these samples; each has the same columns and number of factors. `posterior` brings
// what is known of each sample besides its parameters; constants and linear are filled in.
FactorizationMachine mean_machine(std::span<const FactorizationMachine> samples,
                                  Posterior posterior);

}  // namespace featherfm
