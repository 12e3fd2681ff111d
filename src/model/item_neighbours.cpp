#include "model/item_neighbours.h"

#include <algorithm>
#include <limits>

namespace featherfm {

ItemNeighbours::ItemNeighbours(std::vector<std::uint32_t> offsets,
                               std::vector<std::uint32_t> neighbours,
                               std::vector<float> similarities)
    : lists_{std::move(offsets), std::move(neighbours), std::move(similarities)} {
  scored_by_.offsets.assign(lists_.offsets.size(), 0);
  for (const std::uint32_t other : lists_.others) ++scored_by_.offsets[other + 1];
  for (std::size_t i = 1; i < scored_by_.offsets.size(); ++i) {
    scored_by_.offsets[i] += scored_by_.offsets[i - 1];
  }
  scored_by_.others.resize(lists_.others.size());
  scored_by_.similarities.resize(lists_.others.size());
  std::vector<std::uint32_t> next(scored_by_.offsets.begin(), scored_by_.offsets.end() - 1);
  for (std::uint32_t item = 0; item < items(); ++item) {
    for (std::uint32_t e = lists_.offsets[item]; e < lists_.offsets[item + 1]; ++e) {
      const std::uint32_t slot = next[lists_.others[e]]++;
      scored_by_.others[slot] = item;
      scored_by_.similarities[slot] = lists_.similarities[e];
    }
  }
}

float ItemNeighbours::similarity(std::uint32_t item, std::uint32_t neighbour) const {
  const auto list = of(item);
  const auto found = std::ranges::find(list, neighbour);
  return found == list.end() ? 0 : similarities_of(item)[std::size_t(found - list.begin())];
}

void ItemNeighbours::score_items(std::span<const std::uint32_t> met, std::span<const float> values,
                                 std::span<float> scores) const {
  std::ranges::fill(scores, 0.0f);
  for (std::size_t k = 0; k < met.size(); ++k) {
    const auto list = scored_by_.others_of(met[k]);
    const auto similar = scored_by_.similarities_of(met[k]);
    for (std::size_t n = 0; n < list.size(); ++n) scores[list[n]] += values[k] * similar[n];
  }
}

Towers ItemNeighbours::towers(std::size_t users) const {
  constexpr float most = std::numeric_limits<float>::max();
  Towers result;
  result.users = Matrix(users, 1);
  result.items = Matrix(items(), 1);
  result.user_offsets.resize(users);
  result.range = {-most, most};
  result.fold_in.user_bias = false;
  return result;
}

}  // namespace featherfm
