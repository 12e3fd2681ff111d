// Validation of factorization machines in bounded pieces.
#pragma once

#include <memory>
#include <optional>

#include "model/factorization_machine.h"
#include "train/fm_options.h"
#include "train/validation.h"

namespace featherfm {

// The mean errors of scores on the targets of a design.
Losses losses_of(const FactorizationMachine& model, const Design& design,
                 std::span<const float> scores);

class FmValidation {
 public:
  // `data` may be null: then every epoch is the best so far. For `patience` see BestEpoch.
  FmValidation(std::shared_ptr<const Design> data, std::uint32_t patience)
      : data_(std::move(data)), best_(patience) {}

  // Measures on, a few thousand examples per call; true when all are measured. The model must not
  // change between.
  bool measure(const FactorizationMachine& model) {
    if (!data_) return true;
    if (!scores_) scores_.emplace(model, *data_);
    return scores_->advance();
  }

  // After measure() returned true: compares with the best epoch and copies the model if this one is
  // it.
  EpochLosses finish_epoch(std::uint32_t epoch, const FactorizationMachine& model, Losses train) {
    std::optional<Losses> validation;
    if (data_) validation = losses_of(model, *data_, scores_->scores());
    scores_.reset();
    return best_.finish(epoch, model, train, validation);
  }

  bool should_stop() const { return best_.should_stop(); }
  std::uint32_t best_epoch() const { return best_.epoch(); }
  const FactorizationMachine& best_model() const { return best_.model(); }
  void start_from(const FactorizationMachine& model) { best_.start_from(model); }

 private:
  std::shared_ptr<const Design> data_;
  std::optional<DesignScores> scores_;
  BestEpoch<FactorizationMachine> best_;
};

}  // namespace featherfm
