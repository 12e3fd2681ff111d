// The priors of a Bayesian factorization machine: normal distributions, of which each field has its
// own for the linear part and for every factor, and above them the same hyper-priors as libFM:
// precision ~ Gamma(1/2, 1/2), mean ~ N(0, 1/precision).
#pragma once

#include <cstdint>
#include <vector>

#include "data/design.h"
#include "train/fm_options.h"

namespace featherfm {

struct FieldPrior {
  double precision = 1, mean = 0;
};

class FieldPriors {
 public:
  // Part 0 is the linear one, part f + 1 the factor f. `fields` must outlive this.
  FieldPriors(const std::vector<ColumnField>& fields, std::size_t columns, std::size_t factors);

  const std::vector<ColumnField>& fields() const { return fields_; }
  std::uint32_t field_of(std::uint32_t column) const { return field_of_[column]; }
  FieldPrior& at(std::size_t part, std::size_t field) {
    return priors_[part * fields_.size() + field];
  }
  const FieldPrior& at(std::size_t part, std::size_t field) const {
    return priors_[part * fields_.size() + field];
  }
  std::size_t factors() const { return factors_; }
  // As in the beginning.
  void start_anew();

  // Mean over the factors of a field's precisions; 0 without factors.
  double factor_precision(std::size_t field) const;
  // The precision of the users' factors over that of the noise: what a new user is penalised by. 0
  // where users have no columns of their own.
  double user_penalty(double noise_precision) const;
  // The precisions of every field; of the factors their mean.
  std::vector<FieldPenalty> penalties() const;

  // Precision and mean of each field, part by part, for training to go on.
  std::vector<double> state() const;
  void restore(const std::vector<double>& state);

 private:
  const std::vector<ColumnField>& fields_;
  std::size_t factors_;
  std::vector<std::uint32_t> field_of_;
  std::vector<FieldPrior> priors_;
};

}  // namespace featherfm
