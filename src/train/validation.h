// What trainers with epochs share: the errors on a validation set, and keeping the best epoch.
#pragma once

#include <cstdint>
#include <limits>

#include "model/towers.h"
#include "train/trainer.h"

namespace featherfm {

// Maps a value into [0, 1], the target of the logistic loss.
inline float to_unit(float value, ValueRange range) {
  return (value - range.low) / (range.high - range.low);
}

// Cross-entropy of sigmoid(score) against a target in [0, 1]: log(1 + e^s) - t s.
double cross_entropy(double score, double target);

// Losses over examples that come one by one. Squared error of clipped predictions under the
// identity link, except for the loss itself; cross-entropy under the logistic one.
class LossSums {
 public:
  void add(double score, double actual, double weight, Link link, ValueRange range);
  Losses losses() const;

 private:
  double loss_ = 0, squared_ = 0, absolute_ = 0, weight_ = 0;
};

template <class Model>
class BestEpoch {
 public:
  // `patience`: epochs without improvement before should_stop(); 0 for never.
  explicit BestEpoch(std::uint32_t patience) : patience_(patience) {}

  // Compares with the best epoch and copies the model if this one is it. Without validation losses
  // every epoch is the best so far.
  EpochLosses finish(std::uint32_t epoch, const Model& model, Losses train,
                     std::optional<Losses> validation) {
    EpochLosses result{train, validation, true};
    if (validation) result.best = validation->loss < best_loss_ || epoch_ == 0;
    if (result.best) {
      if (validation) best_loss_ = validation->loss;
      model_ = model;
      epoch_ = epoch;
      since_ = 0;
    } else {
      ++since_;
    }
    return result;
  }

  bool should_stop() const { return patience_ > 0 && since_ >= patience_; }
  std::uint32_t epoch() const { return epoch_; }
  const Model& model() const { return model_; }

  // What model() gives before the first epoch is finished.
  void start_from(const Model& model) { model_ = model; }

 private:
  std::uint32_t patience_;
  Model model_;
  std::uint32_t epoch_ = 0, since_ = 0;
  double best_loss_ = std::numeric_limits<double>::infinity();
};

}  // namespace featherfm
