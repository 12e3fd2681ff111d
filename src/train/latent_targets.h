// Targets that are classes, as a probit model sees them: behind each stands a latent score, the
// machine's plus standard normal noise, that lies between the two ends of the target's class
// (Albert, Chib 1993, "Bayesian Analysis of Binary and Polychotomous Response Data"). And what a
// score says in the units of the targets, for every task.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/matrix.h"
#include "model/factorization_machine.h"
#include "train/cutpoints.h"
#include "train/validation.h"

namespace featherfm {

class LatentTargets {
 public:
  // `targets` must outlive this. `classes`: of ordered classes, the values there are, ascending;
  // empty: the distinct targets, at most 100. Errors: out_of_range (too many classes, or a target
  // that is none of those given).
  LatentTargets(Task task, const std::vector<float>& targets, std::span<const float> classes = {});

  bool ordinal() const { return cutpoints_.has_value(); }
  const std::vector<float>& classes() const { return classes_; }  // empty unless ordered
  // Cutpoints as in the beginning.
  void start_anew() {
    if (cutpoints_) cutpoints_.emplace(class_of_);
  }
  Cutpoints& cutpoints() { return *cutpoints_; }  // only of ordered classes
  // Empty unless the classes are ordered.
  std::span<const double> cuts() const {
    return cutpoints_ ? std::span<const double>(cutpoints_->values()) : std::span<const double>{};
  }

  // The ends between which the latent score of an example lies; infinite for the outermost.
  struct Ends {
    double low, high;
  };
  Ends ends(std::size_t example) const;

  // The values that the scores predict, in their place; padded like the kernels want them.
  AlignedFloats values(const std::vector<float>& scores, ValueRange range) const;
  // A target in the same units: the label as a probability.
  float target(float given) const;
  // The errors of the values that scores predict on the targets, by weights of 1.
  Losses losses(const std::vector<float>& scores, ValueRange range) const;

 private:
  Task task_;
  const std::vector<float>& targets_;
  std::vector<float> classes_;
  std::vector<std::uint32_t> class_of_;  // of each example
  std::optional<Cutpoints> cutpoints_;
};

}  // namespace featherfm
