#include "rank/ranks.h"

#include "base/error.h"

namespace featherfm {

std::vector<std::uint32_t> ranks(const Towers& towers, std::span<const std::uint32_t> users,
                                 std::span<const std::uint32_t> items, const SeenItems* seen) {
  require_same_size(items.size(), users.size(), "items");
  const auto count = static_cast<std::uint32_t>(towers.items.rows());
  std::vector<float> scores(count);
  std::vector<char> counts(count);
  std::vector<std::uint32_t> result;
  result.reserve(users.size());
  for (std::size_t k = 0; k < users.size(); ++k) {
    if (users[k] >= towers.users.rows()) {
      fail(ErrorCode::out_of_range, "users", {"users[", k, "] is not in the model"});
    }
    if (items[k] >= count) {
      fail(ErrorCode::out_of_range, "items", {"items[", k, "] is not in the model"});
    }
    if (k == 0 || users[k] != users[k - 1]) {
      counts.assign(count, 1);
      if (seen) {
        for (const std::uint32_t item : seen->of(users[k])) counts[item] = 0;
      }
      for (std::uint32_t item = 0; item < count; ++item) scores[item] = towers.score(users[k], item);
    }
    const float own = scores[items[k]];
    std::uint32_t before = 0;
    for (std::uint32_t item = 0; item < count; ++item) {
      before += counts[item] && scores[item] >= own && item != items[k];
    }
    result.push_back(before);
  }
  return result;
}

}  // namespace featherfm
