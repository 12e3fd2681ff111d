#include "train/validation.h"

#include <algorithm>
#include <cmath>

#include "base/portable_math.h"

namespace featherfm {

double cross_entropy(double score, double target) {
  return softplus(score) - target * score;
}

void LossSums::add(double score, double actual, double weight, Link link, ValueRange range) {
  double predicted;
  if (link == Link::logistic) {
    predicted = range.low + (range.high - range.low) * portable_sigmoid(score);
    loss_ += weight * cross_entropy(score, to_unit(static_cast<float>(actual), range));
  } else {
    predicted = std::clamp(score, double{range.low}, double{range.high});
    loss_ += weight * (actual - score) * (actual - score);
  }
  squared_ += weight * (actual - predicted) * (actual - predicted);
  absolute_ += weight * std::abs(actual - predicted);
  weight_ += weight;
}

Losses LossSums::losses() const {
  const double total = weight_ > 0 ? weight_ : 1;
  return {loss_ / total, std::sqrt(squared_ / total), absolute_ / total};
}

}  // namespace featherfm
