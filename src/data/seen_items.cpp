#include "data/seen_items.h"

namespace featherfm {
namespace {

void append(SeenItems& to, std::span<const std::uint32_t> items, std::span<const float> values) {
  to.items.insert(to.items.end(), items.begin(), items.end());
  to.values.insert(to.values.end(), values.begin(), values.end());
}

}  // namespace

SeenItems SeenItems::with_user(std::uint32_t user, std::span<const std::uint32_t> own,
                               std::span<const float> own_values, std::uint32_t count) const {
  SeenItems result;
  const bool valued = has_values();
  for (std::uint32_t u = 0; u < count; ++u) {
    if (u == user) {
      append(result, own, valued ? own_values : std::span<const float>{});
    } else {
      append(result, of(u), valued ? values_of(u) : std::span<const float>{});
    }
    result.offsets.push_back(static_cast<std::uint32_t>(result.items.size()));
  }
  return result;
}

SeenItems SeenItems::with_item(std::uint32_t item, std::span<const std::uint32_t> met_by,
                               std::span<const float> item_values, std::uint32_t count) const {
  SeenItems result;
  const bool valued = has_values();
  constexpr std::uint32_t nobody = 0xffffffffu;
  std::vector<std::uint32_t> place(count, nobody);  // of each user in the list
  for (std::uint32_t k = 0; k < met_by.size(); ++k) place[met_by[k]] = k;
  for (std::uint32_t user = 0; user < count; ++user) {
    const auto own = of(user);
    const auto own_values = valued ? values_of(user) : std::span<const float>{};
    for (std::size_t k = 0; k < own.size(); ++k) {
      if (own[k] == item) continue;
      result.items.push_back(own[k]);
      if (valued) result.values.push_back(own_values[k]);
    }
    if (place[user] != nobody) {
      result.items.push_back(item);
      if (valued) result.values.push_back(item_values[place[user]]);
    }
    result.offsets.push_back(static_cast<std::uint32_t>(result.items.size()));
  }
  return result;
}

}  // namespace featherfm
