// The parameters of an item-based neighbourhood model (Sarwar, Karypis, Konstan, Riedl 2001;
// Deshpande, Karypis 2004): for every item the few that are most like it. An item is scored by
// those of its neighbours that the user met:
//   score(u, i) = sum over the neighbours j of i that u met: value_uj s_ij
// Users have no parameters: their interactions are all there is to know, so that somebody new is
// served like everybody else.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "model/towers.h"

namespace featherfm {

class ItemNeighbours {
 public:
  ItemNeighbours() = default;
  // Neighbours of item i: the entries [offsets[i], offsets[i + 1]), most similar first, i itself
  // not among them. Similarities are above 0.
  ItemNeighbours(std::vector<std::uint32_t> offsets, std::vector<std::uint32_t> neighbours,
                 std::vector<float> similarities);

  // What an interaction counts, as value_uj above: dislikes count nothing.
  static float worth(float value, float weight) { return std::max(value * weight, 0.0f); }

  std::uint32_t items() const { return static_cast<std::uint32_t>(lists_.offsets.size() - 1); }
  std::span<const std::uint32_t> of(std::uint32_t item) const { return lists_.others_of(item); }
  std::span<const float> similarities_of(std::uint32_t item) const {
    return lists_.similarities_of(item);
  }
  // s_ij; 0 where `neighbour` is none of the item.
  float similarity(std::uint32_t item, std::uint32_t neighbour) const;

  // The scores of all items for somebody with these items, all below items(), and values; `scores`
  // has items() entries.
  void score_items(std::span<const std::uint32_t> met, std::span<const float> values,
                   std::span<float> scores) const;

  // Towers without factors in which everything scores 0: this model has none, but sizes and limits.
  Towers towers(std::size_t users) const;

  const std::vector<std::uint32_t>& offsets() const { return lists_.offsets; }
  const std::vector<std::uint32_t>& neighbours() const { return lists_.others; }
  const std::vector<float>& similarities() const { return lists_.similarities; }

 private:
  struct Lists {
    std::vector<std::uint32_t> offsets{0}, others;
    std::vector<float> similarities;

    std::span<const std::uint32_t> others_of(std::uint32_t item) const {
      return std::span(others).subspan(offsets[item], offsets[item + 1] - offsets[item]);
    }
    std::span<const float> similarities_of(std::uint32_t item) const {
      return std::span(similarities).subspan(offsets[item], offsets[item + 1] - offsets[item]);
    }
  };

  Lists lists_;
  // The same the other way round: of each item, those that it is a neighbour of. A user's few items
  // lead to what they score, instead of every item looking for them.
  Lists scored_by_;
};

}  // namespace featherfm
