// Validation of matrix factorization in bounded pieces.
#pragma once

#include <memory>

#include "base/error.h"
#include "data/interactions.h"
#include "model/matrix_factorization.h"
#include "train/validation.h"

namespace featherfm {

class MfValidation {
 public:
  // `data` may be null: then every epoch is the best so far. For `patience` see BestEpoch.
  MfValidation(std::shared_ptr<const Interactions> data, std::uint32_t patience);

  // Measures on, a few thousand interactions per call; true when all are measured.
  bool measure(const MatrixFactorization& model);

  // After measure() returned true: compares with the best epoch and copies the model if this one is
  // it.
  EpochLosses finish_epoch(std::uint32_t epoch, const MatrixFactorization& model, Losses train);

  bool should_stop() const { return best_.should_stop(); }
  std::uint32_t best_epoch() const { return best_.epoch(); }
  const MatrixFactorization& best_model() const { return best_.model(); }

  // What best_model() gives before the first epoch is finished.
  void start_from(const MatrixFactorization& model) { best_.start_from(model); }

 private:
  std::shared_ptr<const Interactions> data_;
  std::uint32_t next_user_ = 0;
  LossSums sums_;
  BestEpoch<MatrixFactorization> best_;
};

}  // namespace featherfm
