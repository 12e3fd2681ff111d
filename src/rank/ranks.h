// At which place a user's list has an item.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/seen_items.h"
#include "model/towers.h"

namespace featherfm {

// For every pair (users[k], items[k]) the number of items that stand before items[k] for the user:
// 0 is the best. All items of the model count but those of `seen` (may be null), and equal scores
// stand before. Pairs of one user are best given in turn. Users and items must be the model's;
// lists of equal length.
std::vector<std::uint32_t> ranks(const Towers& towers, std::span<const std::uint32_t> users,
                                 std::span<const std::uint32_t> items, const SeenItems* seen);

}  // namespace featherfm
