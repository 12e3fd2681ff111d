// Where items stand in a user's ranking.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace featherfm {

// The rank of `item`, from 0, among all items by these scores, those of `left_out` (ascending or
// not) aside: the number of others with at least its score, so that ties count against it. `marks`
// has one entry for each item, all 0; it is 0 again afterwards.
std::uint32_t rank_of(std::span<const float> scores, std::uint32_t item,
                      std::span<const std::uint32_t> left_out, std::vector<char>& marks);

}  // namespace featherfm
