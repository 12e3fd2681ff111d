// What top-N lists and metrics need of a model, whatever its form: the scores of all items for one
// user at a time. Towers give them by a scan of inner products, a neighbourhood model by adding up
// what the user's items say.
#pragma once

#include <cstdint>
#include <span>

#include "data/seen_items.h"
#include "model/item_neighbours.h"
#include "model/towers.h"

namespace featherfm {

class Scorer {
 public:
  virtual ~Scorer() = default;
  virtual std::size_t users() const = 0;
  virtual std::size_t items() const = 0;
  // `user` below users(), `scores` of items() entries. What is the same for all items may be left
  // out.
  virtual void score_items(std::uint32_t user, std::span<float> scores) const = 0;
};

class TowersScorer final : public Scorer {
 public:
  explicit TowersScorer(const Towers& towers) : towers_(towers) {}
  std::size_t users() const override { return towers_.users.rows(); }
  std::size_t items() const override { return towers_.items.rows(); }
  void score_items(std::uint32_t user, std::span<float> scores) const override {
    const float* const row = towers_.users.row(user);
    for (std::size_t item = 0; item < scores.size(); ++item) {
      scores[item] = simd::dot(row, towers_.items.row(item), towers_.items.stride());
    }
  }

 private:
  const Towers& towers_;
};

// Users are what they met: `met` needs values.
class NeighbourScorer final : public Scorer {
 public:
  NeighbourScorer(const ItemNeighbours& neighbours, const SeenItems& met)
      : neighbours_(neighbours), met_(met) {}
  std::size_t users() const override { return met_.users(); }
  std::size_t items() const override { return neighbours_.items(); }
  void score_items(std::uint32_t user, std::span<float> scores) const override {
    neighbours_.score_items(met_.of(user), met_.values_of(user), scores);
  }

 private:
  const ItemNeighbours& neighbours_;
  const SeenItems& met_;
};

}  // namespace featherfm
