// Validation of hybrid models in bounded pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "train/hybrid_options.h"
#include "train/validation.h"

namespace featherfm {

// The mean over users of their AUC: the share of (positive, other) pairs of items in the right
// order, equal scores counting as the wrong one. Others are the items of the model that the user
// neither met in training nor has among the positives. Users without either are left out; of more
// than a thousand that remain, about a thousand spread evenly are measured. Where every interaction
// has a loss of its own, that is measured besides.
class HybridValidation {
 public:
  // `data.validation` may be null: then every epoch is the best so far. For patience see BestEpoch.
  HybridValidation(const HybridOptions& options, const HybridData& data);

  // Measures on, about a hundred thousand products per call; true when all is measured. The model
  // must not change between.
  bool measure(const FactorizationMachine& model);

  // After measure() returned true: compares with the best epoch and copies the model if this one is
  // it.
  EpochLosses finish_epoch(std::uint32_t epoch, const FactorizationMachine& model, Losses train);

  bool should_stop() const { return best_.should_stop(); }
  std::uint32_t best_epoch() const { return best_.epoch(); }
  const FactorizationMachine& best_model() const { return best_.model(); }
  void start_from(const FactorizationMachine& model) { best_.start_from(model); }

 private:
  void choose_users();
  // Returns the number of products it took.
  std::size_t add_losses(std::uint32_t user);
  std::size_t add_auc(std::uint32_t user);

  RankingRule rule_;
  const HybridData& data_;
  std::vector<std::uint32_t> users_;  // whose AUC is measured
  BestEpoch<FactorizationMachine> best_;

  // Of the epoch that is being measured.
  std::optional<Towers> towers_;
  std::uint32_t next_ = 0;
  LossSums losses_;
  double auc_ = 0;
  std::uint32_t with_pairs_ = 0;
  std::vector<char> barred_;  // of each item, for one user
  std::vector<float> positives_;
};

}  // namespace featherfm
