#include "rank/ranks.h"

namespace featherfm {

std::uint32_t rank_of(std::span<const float> scores, std::uint32_t item,
                      std::span<const std::uint32_t> left_out, std::vector<char>& marks) {
  const float own = scores[item];
  std::uint32_t rank = 0;
  for (const float score : scores) rank += score >= own ? 1 : 0;
  --rank;  // itself
  for (const std::uint32_t other : left_out) {
    // A list may name an item twice.
    if (other == item || marks[other]) continue;
    marks[other] = 1;
    if (scores[other] >= own) --rank;
  }
  for (const std::uint32_t other : left_out) marks[other] = 0;
  return rank;
}

}  // namespace featherfm
