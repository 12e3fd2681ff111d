// How good predictions are, over all interactions of a test set. Rankings: rank/ranking_metrics.h.
#pragma once

#include <span>

#include "data/interactions.h"
#include "model/towers.h"

namespace featherfm {

// Errors of predicted values, clipped to the model's range, weighted by the test weights. All 0 for
// an empty test set.
struct RatingErrors {
  double rmse = 0;         // root of the mean squared error
  double mae = 0;          // mean absolute error
  double mae_rounded = 0;  // of predictions rounded to the nearest whole number, halves up
  double accuracy = 0;     // share of predictions on the same half of the range as the value
  double log_loss = 0;     // mean cross-entropy, range mapped onto [0, 1]; logistic link only
};
// Users and items the model never met are predicted as average ones.
RatingErrors rating_errors(const Towers& towers, const Interactions& test);
// Of scores that were computed already; `weights` empty: all 1.
RatingErrors rating_errors(std::span<const float> scores, std::span<const float> values,
                           std::span<const float> weights, Link link, ValueRange range);

}  // namespace featherfm
