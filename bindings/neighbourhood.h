// Somebody of a model of neighbours, whose users are what they met.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "arrays.h"
#include "served_model.h"

namespace featherfm::bindings {

// What somebody met, and the scores of all items.
class Neighbourhood {
 public:
  explicit Neighbourhood(const ServedModel& model)
      : model_(model), scores_(model.file.neighbours()->items()) {}

  // The scores of a user of the model; computed once for pairs that come user by user.
  std::span<const float> of(std::uint32_t user) {
    if (user != user_) {
      const SeenItems& seen = model_.file.seen;
      model_.file.neighbours()->score_items(seen.of(user), seen.values_of(user), scores_);
      user_ = user;
    }
    return scores_;
  }
  // Of somebody else, who gave this.
  std::span<const float> of(const Options& ratings) {
    const GivenWorth given(ratings, model_);
    model_.file.neighbours()->score_items(given.items, given.worth, scores_);
    user_ = std::nullopt;
    return scores_;
  }

  // {items, values, weights | null} as items and what each counts.
  struct GivenWorth {
    GivenWorth(const Options& ratings, const ServedModel& model)
        : items(from_js<std::uint32_t>(ratings.raw("items"))),
          worth(from_js<float>(ratings.raw("values"))) {
      const auto weights = from_js<float>(ratings.raw("weights"));
      require_ratings({items, worth, weights}, model.towers.items.rows(), std::nullopt);
      for (std::size_t k = 0; k < worth.size(); ++k) {
        worth[k] = ItemNeighbours::worth(worth[k], weights.empty() ? 1 : weights[k]);
      }
    }
    std::vector<std::uint32_t> items;
    std::vector<float> worth;
  };

 private:
  const ServedModel& model_;
  std::vector<float> scores_;
  std::optional<std::uint32_t> user_;
};

}  // namespace featherfm::bindings
