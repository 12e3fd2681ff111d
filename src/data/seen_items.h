// Who met what, and the values: what serving needs of the training data, to leave out what a user
// has seen, to say which ratings carried a score, and to know how popular items are.
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
  std::vector<float> values;              // beside items; empty: not known

  SeenItems() = default;
  explicit SeenItems(const Interactions& data)
      : offsets(data.offsets().begin(), data.offsets().end()),
        items(data.item_indices().begin(), data.item_indices().end()),
        values(data.values().begin(), data.values().end()) {}

  std::uint32_t users() const { return static_cast<std::uint32_t>(offsets.size() - 1); }
  bool has_values() const { return values.size() == items.size(); }

  // Empty for users beyond those known here.
  std::span<const std::uint32_t> of(std::uint32_t user) const {
    if (user + 1 >= offsets.size()) return {};
    return std::span(items).subspan(offsets[user], offsets[user + 1] - offsets[user]);
  }
  // The values beside of(user); only where they are known.
  std::span<const float> values_of(std::uint32_t user) const {
    if (user + 1 >= offsets.size()) return {};
    return std::span(values).subspan(offsets[user], offsets[user + 1] - offsets[user]);
  }

  // Number of entries of each of `count` items.
  std::vector<std::uint32_t> item_counts(std::size_t count) const {
    std::vector<std::uint32_t> counts(count);
    for (const std::uint32_t item : items) ++counts[item];
    return counts;
  }

  // Both lists, those of `b` behind those of `a`; an item that is in both may stand there twice.
  // Values are known where both know them.
  static SeenItems joined(const SeenItems& a, const SeenItems& b) {
    SeenItems result;
    const bool with_values = a.has_values() && b.has_values();
    const std::uint32_t users = std::max(a.users(), b.users());
    for (std::uint32_t user = 0; user < users; ++user) {
      for (const SeenItems* part : {&a, &b}) {
        const auto own = part->of(user);
        result.items.insert(result.items.end(), own.begin(), own.end());
        if (!with_values) continue;
        const auto values = part->values_of(user);
        result.values.insert(result.values.end(), values.begin(), values.end());
      }
      result.offsets.push_back(static_cast<std::uint32_t>(result.items.size()));
    }
    return result;
  }

  // The same with this list in the place of a user's own. `count`: how many users there are then.
  SeenItems with_user(std::uint32_t user, std::span<const std::uint32_t> own,
                      std::span<const float> own_values, std::uint32_t count) const;
  // The same with these users, and no others, having met the item; each below `count`.
  SeenItems with_item(std::uint32_t item, std::span<const std::uint32_t> users,
                      std::span<const float> item_values, std::uint32_t count) const;
};

}  // namespace featherfm
