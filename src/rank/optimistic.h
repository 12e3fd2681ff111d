// Ranking by what a user might like: the upper end of what a Bayesian machine holds possible.
#pragma once

#include <vector>

#include "model/posterior_prediction.h"
#include "rank/top_k.h"

namespace featherfm {

// At most `n` items by mean + `deviations` standard deviations of their scores over the samples and
// within them; 0 ranks by the mean. `items`: how many there are. Scores are in the units of the
// score.
std::vector<Scored> optimistic_top(const SampleTowers& towers, const SampleUser& user,
                                   std::uint32_t items, std::size_t n, double deviations,
                                   const ItemFilter& filter);

}  // namespace featherfm
