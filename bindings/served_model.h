// A trained model with what serving it needs, as one object for JavaScript.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "data/seen_items.h"
#include "io/model_file.h"
#include "model/posterior_prediction.h"
#include "model/towers.h"
#include "rank/fold_in.h"
#include "rank/implicit_update.h"
#include "rank/top_k.h"

namespace featherfm::bindings {

class ServedModel {
 public:
  explicit ServedModel(ModelFile content)
      : file(std::move(content)), towers(file.towers()), ranker(towers) {}
  ServedModel(const ServedModel&) = delete;
  ServedModel& operator=(const ServedModel&) = delete;

  // Made at first use: for a filled matrix it takes a pass over all items.
  FoldIn& fold_in() {
    if (!fold_in_) fold_in_.emplace(towers);
    return *fold_in_;
  }

  // One row of a model of implicit feedback, in place: its users and items so far, or the next one.
  // `given.items` are what the user met, or the users who met the item: all there is of the row,
  // also in `file.seen`. When it fails, everything is as it was.
  void update_user(std::uint32_t user, const GivenRatings& given);
  void update_item(std::uint32_t item, const GivenRatings& given);

  // The posterior of a sampled factorization machine, or null.
  const Posterior* posterior() const { return file.is_fm() ? file.fm().posterior.get() : nullptr; }

  // Made at first use; only for sampled machines.
  const SampleTowers& sample_towers() const {
    if (!sample_towers_) sample_towers_.emplace(file.fm(), towers);
    return *sample_towers_;
  }

  // -log2 of each item's popularity in training (rank/rerank.h), made at first use. `argument`:
  // what asks for it, where the model does not know how popular its items are.
  std::span<const float> information(const char* argument) const;

  ModelFile file;
  Towers towers;
  ItemRanker ranker;

 private:
  std::optional<FoldIn> fold_in_;
  std::optional<ItemFoldIn> item_fold_in_;
  mutable std::optional<SampleTowers> sample_towers_;
  mutable std::vector<float> information_;
};

using ModelHandle = std::shared_ptr<ServedModel>;

inline void require_row(std::uint32_t row, const Matrix& matrix, const char* argument) {
  if (row < matrix.rows()) return;
  fail(ErrorCode::out_of_range, argument, {argument, " is not in the model"});
}

}  // namespace featherfm::bindings
