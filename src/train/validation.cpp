#include "train/validation.h"

#include <algorithm>
#include <cmath>

#include "base/portable_math.h"

namespace featherfm {

double cross_entropy(double score, double target) {
  return softplus(score) - target * score;
}

bool Validation::measure(const MatrixFactorization& model) {
  if (!data_) return true;
  const double span = model.range.high - model.range.low;
  std::uint32_t measured = 0;
  for (; next_user_ < data_->users(); ++next_user_) {
    if (measured > 4096) return false;
    for (std::uint32_t position = data_->user_begin(next_user_);
         position < data_->user_end(next_user_); ++position) {
      const double s = score(model, next_user_, data_->item_at(position));
      const double actual = data_->value_at(position), weight = data_->weight_at(position);
      double predicted;
      if (model.link == Link::logistic) {
        predicted = model.range.low + span * portable_sigmoid(s);
        const double target = to_unit(static_cast<float>(actual), model.range);
        loss_ += weight * cross_entropy(s, target);
      } else {
        predicted = std::clamp(s, double{model.range.low}, double{model.range.high});
        loss_ += weight * (actual - s) * (actual - s);
      }
      squared_ += weight * (actual - predicted) * (actual - predicted);
      absolute_ += weight * std::abs(actual - predicted);
      weight_ += weight;
      ++measured;
    }
  }
  return true;
}

EpochLosses Validation::finish_epoch(std::uint32_t epoch, const MatrixFactorization& model,
                                     Losses train) {
  EpochLosses result{train, std::nullopt, true};
  if (data_) {
    const double total = weight_ > 0 ? weight_ : 1;
    result.validation = Losses{loss_ / total, std::sqrt(squared_ / total), absolute_ / total};
    result.best = result.validation->loss < best_loss_ || best_epoch_ == 0;
    next_user_ = 0;
    loss_ = squared_ = absolute_ = weight_ = 0;
  }
  if (result.best) {
    if (result.validation) best_loss_ = result.validation->loss;
    best_model_ = model;
    best_epoch_ = epoch;
    epochs_since_best_ = 0;
  } else {
    ++epochs_since_best_;
  }
  return result;
}

}  // namespace featherfm
