// Who met what, without values: what serving needs of the training data, to leave out what a user
// has seen.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "data/interactions.h"

namespace featherfm {

struct SeenItems {
  std::vector<std::uint32_t> offsets{0};  // users + 1
  std::vector<std::uint32_t> items;       // of user u: [offsets[u], offsets[u + 1])

  SeenItems() = default;
  explicit SeenItems(const Interactions& data)
      : offsets(data.offsets().begin(), data.offsets().end()),
        items(data.item_indices().begin(), data.item_indices().end()) {}

  // Empty for users beyond those known here.
  std::span<const std::uint32_t> of(std::uint32_t user) const {
    if (user + 1 >= offsets.size()) return {};
    return std::span(items).subspan(offsets[user], offsets[user + 1] - offsets[user]);
  }

  // Both lists; an item that is in both may stand there twice.
  static SeenItems joined(const SeenItems& a, const SeenItems& b) {
    SeenItems result;
    const std::size_t users = std::max(a.offsets.size(), b.offsets.size()) - 1;
    for (std::uint32_t user = 0; user < users; ++user) {
      for (const SeenItems* part : {&a, &b}) {
        const auto own = part->of(user);
        result.items.insert(result.items.end(), own.begin(), own.end());
      }
      result.offsets.push_back(static_cast<std::uint32_t>(result.items.size()));
    }
    return result;
  }
};

}  // namespace featherfm
