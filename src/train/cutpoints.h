// Cutpoints of the ordered probit model: a value is of class c when its latent score plus standard
// normal noise falls between the cutpoints c - 1 and c,
//   P(class c | score s) = Phi(gamma_c - s) - Phi(gamma_(c-1) - s),
// with gamma_(-1) = -infinity and gamma_(classes-1) = infinity.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "train/trainer.h"

namespace featherfm {

// Of a class, from cutpoints ascending; infinite for the outermost.
double low_end(std::span<const double> cutpoints, std::uint32_t c);
double high_end(std::span<const double> cutpoints, std::uint32_t c);

class Cutpoints {
 public:
  // `classes`: of each example, from 0; every class below the highest must occur. Starts where
  // scores of 0 would explain how often each does.
  explicit Cutpoints(std::span<const std::uint32_t> classes);

  // Goes on from cutpoints that were drawn before, as many as now.
  void restore(std::vector<double> cutpoints);

  // One fewer than there are classes, ascending.
  const std::vector<double>& values() const { return gamma_; }

  // One Metropolis step, given the scores of all examples, in bounded pieces. What moves
  // is a_0 = gamma_0, a_j = log(gamma_j - gamma_(j-1)), under a normal prior with variance 100: a
  // proposal from a t distribution around the mode of the posterior, scaled by the curvature there
  // (Albert and Chib 2001, "Sequential Ordinal Modeling").
  Work draw(Random& random, std::span<const float> scores);

  // One Newton step towards the mode of that posterior, shortened until it does not lead down.
  Work improve(std::span<const float> scores);
  // Logarithm of the prior's density at the cutpoints, up to a constant.
  double log_prior() const;

 private:
  void take(std::span<const float> scores);
  // The examples of class c behind the first k, at most a piece.
  std::span<const float> piece_of(std::uint32_t c, std::uint32_t k) const;
  std::vector<double> gamma_, a_;
  // Examples by class: those of class c are order_[begin_[c]] to order_[begin_[c + 1] - 1].
  std::vector<std::uint32_t> order_, begin_;
  std::vector<float> scores_;  // in that order
};

}  // namespace featherfm
