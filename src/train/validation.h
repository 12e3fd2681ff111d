// What trainers with epochs share: measuring a validation set in bounded pieces, and keeping the
// best epoch.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "base/error.h"
#include "data/interactions.h"
#include "model/matrix_factorization.h"
#include "train/trainer.h"

namespace featherfm {

// Maps a value into [0, 1], the target of the logistic loss.
inline float to_unit(float value, ValueRange range) {
  return (value - range.low) / (range.high - range.low);
}

// Cross-entropy of sigmoid(score) against a target in [0, 1]: log(1 + e^s) - t s.
double cross_entropy(double score, double target);

class Validation {
 public:
  // `patience`: epochs without improvement before should_stop(); 0 for never. `data` may be null:
  // then every epoch is the best so far.
  Validation(std::shared_ptr<const Interactions> data, std::uint32_t patience)
      : data_(std::move(data)), patience_(patience) {
    if (data_ && data_->size() == 0) {
      fail(ErrorCode::empty, "validation", {"there is no interaction to validate on"});
    }
  }

  // Measures on, a few thousand interactions per call; true when all are measured.
  bool measure(const MatrixFactorization& model);

  // After measure() returned true: compares with the best epoch and copies the model if this one is
  // it.
  EpochLosses finish_epoch(std::uint32_t epoch, const MatrixFactorization& model, Losses train);

  bool should_stop() const { return patience_ > 0 && epochs_since_best_ >= patience_; }
  std::uint32_t best_epoch() const { return best_epoch_; }
  const MatrixFactorization& best_model() const { return best_model_; }

  // What model() gives before the first epoch is finished.
  void start_from(const MatrixFactorization& model) { best_model_ = model; }

 private:
  std::shared_ptr<const Interactions> data_;
  std::uint32_t patience_;

  std::uint32_t next_user_ = 0;
  double loss_ = 0, squared_ = 0, absolute_ = 0, weight_ = 0;

  MatrixFactorization best_model_;
  std::uint32_t best_epoch_ = 0, epochs_since_best_ = 0;
  double best_loss_ = std::numeric_limits<double>::infinity();
};

}  // namespace featherfm
