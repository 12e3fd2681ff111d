#include "train/fm_priors.h"

#include <algorithm>
#include <span>

namespace featherfm {

FieldPriors::FieldPriors(const std::vector<ColumnField>& fields, std::size_t columns,
                         std::size_t factors)
    : fields_(fields),
      factors_(factors),
      field_of_(columns),
      priors_((factors + 1) * fields.size(), FieldPrior{}) {
  for (std::size_t g = 0; g < fields.size(); ++g) {
    std::ranges::fill(std::span(field_of_).subspan(fields[g].begin, fields[g].columns),
                      static_cast<std::uint32_t>(g));
  }
}

void FieldPriors::start_anew() {
  std::ranges::fill(priors_, FieldPrior{});
}

double FieldPriors::factor_precision(std::size_t field) const {
  double sum = 0;
  for (std::size_t f = 0; f < factors_; ++f) sum += at(f + 1, field).precision;
  return factors_ > 0 ? sum / static_cast<double>(factors_) : 0;
}

double FieldPriors::user_penalty(double noise_precision) const {
  const auto user = std::ranges::find(fields_, user_field, &ColumnField::name);
  if (user == fields_.end()) return 0;
  return factor_precision(static_cast<std::size_t>(user - fields_.begin())) / noise_precision;
}

std::vector<FieldPenalty> FieldPriors::penalties() const {
  std::vector<FieldPenalty> result;
  for (std::size_t g = 0; g < fields_.size(); ++g) {
    result.push_back({fields_[g].name, static_cast<float>(at(0, g).precision),
                      static_cast<float>(factor_precision(g))});
  }
  return result;
}

std::vector<double> FieldPriors::state() const {
  std::vector<double> result;
  for (const FieldPrior& prior : priors_) {
    result.insert(result.end(), {prior.precision, prior.mean});
  }
  return result;
}

void FieldPriors::restore(const std::vector<double>& state) {
  for (std::size_t k = 0; k < priors_.size() && 2 * k + 1 < state.size(); ++k) {
    priors_[k] = {state[2 * k], state[2 * k + 1]};
  }
}

}  // namespace featherfm
