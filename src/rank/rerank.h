// Re-ranking the best candidates, where the list as a whole counts and not each score by itself.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/matrix.h"
#include "rank/best_n.h"

namespace featherfm {

// -log2 of the share of users who met an item, in bits: how surprising it is to be shown it (the
// mean self-information of Zhou et al. 2010). An item nobody met counts as met by one.
std::vector<float> self_information(std::span<const std::uint32_t> item_counts,
                                    std::uint32_t users);

struct Rerank {
  double diversity = 0, novelty = 0;  // 0 to 1; both 0: nothing to do

  bool any() const { return diversity > 0 || novelty > 0; }
  // How many of the best candidates are looked at for a list of n.
  static std::size_t pool(std::size_t n) { return n > 25 ? 4 * n : 100; }
};

// Throws Error{out_of_range} unless both are from 0 to 1.
void validate(const Rerank& wanted);

// At most `n` of `pool`, which is in order of preference, chosen one after the other. Scores and
// self-information are brought to [0, 1] over the pool (all 0 where they are all the same):
//   relevance = (1 - novelty) score + novelty self-information
// and the next one is that with the largest
//   (1 - diversity) relevance - diversity max over those chosen of the cosine with them
// maximal marginal relevance (Carbonell and Goldstein 1998) with lambda = 1 - diversity. Ties go to
// the earlier of the pool. The cosine is that of the first `factors` columns of `vectors`, 0 with a
// zero vector, so that diversity changes nothing where there are no factors. `information`, one
// number for each item, is read where novelty is above 0. The scores come out as they came in.
std::vector<Scored> rerank(std::span<const Scored> pool, std::size_t n, const Rerank& wanted,
                           const Matrix& vectors, std::size_t factors,
                           std::span<const float> information);

}  // namespace featherfm
