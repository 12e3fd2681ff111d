// How good rankings are, over all users of a test set, and what they are like beyond accuracy.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "data/interactions.h"
#include "model/towers.h"
#include "rank/scorer.h"

namespace featherfm {

// Ranking metrics at one cut-off k, each the mean over the evaluated users.
struct RankingAtK {
  double precision = 0;  // relevant items among the first k, divided by k
  double recall = 0;     // the same, divided by the number of relevant items
  double ndcg = 0;       // binary gains, discount 1 / log2(rank + 1), divided by the best possible
  double map = 0;        // average precision over the first k, divided by min(k, relevant)
  double mrr = 0;        // 1 / rank of the first relevant item, 0 if beyond k
  double hit_rate = 0;   // 1 if any relevant item is among the first k
  // Of the lists of k items that the users would be shown:
  double coverage = 0;  // distinct items in all lists, divided by the number of items
  // Mean self-information of the items of a list, in bits (rank/rerank.h); over the users whose
  // list is not empty.
  double novelty = 0;
  // Mean of 1 - cosine over the pairs of a list (intra-list distance: Ziegler et al. 2005, Vargas
  // and Castells 2011); over the users whose list has two items.
  double diversity = 0;
  // Gini index of how often the items are shown: 0 when all are equally often, towards 1 when few
  // have it all (Fleder and Hosanagar 2009). Over all items of the model.
  double gini = 0;
};
struct RankingMetrics {
  std::vector<RankingAtK> at;  // one for each k asked for
  // Share of (relevant, other) pairs in the right order, mean over users that have both.
  double auc = 0;
  double mrr = 0;           // 1 / rank of the first relevant item, wherever it stands
  std::uint32_t users = 0;  // evaluated: known to the model, with at least one relevant test item
};

// Ranks each relevant item among `count` others that are drawn for it.
struct SampledNegatives {
  std::uint32_t count = 0;
  std::uint64_t seed = 0;
};

struct RankingProtocol {
  std::span<const std::uint32_t> ks;
  // Test values from this on are relevant.
  float relevant_from = -std::numeric_limits<float>::infinity();
  // Whether the lists are wanted too: coverage, novelty, diversity and gini are 0 without.
  bool lists = true;
  std::span<const float> information = {};  // of each item, for novelty; empty: novelty is 0
  std::optional<SampledNegatives> negatives = {};
};

// Ranks, for each user, all items of the model but those of `train` (may be null). Relevant are the
// user's test items with a value of at least `relevant_from`; test items below it are ranked like
// any other. Ties are counted pessimistically: a relevant item stands behind every other item of
// equal score, so that a model that gives all items the same score has precision 0 and AUC 0.
// Relevant items that are unknown to the model count as never found. An item both in `train` and
// relevant in `test` is ranked as relevant, but stands in no list.
//
// With `negatives` each relevant item is ranked by itself, against `count` items (or all there are)
// drawn uniformly and without repetition from those the user has met neither in `train` nor in
// `test`, as He et al. 2017 do with one test item per user; a user counts with the mean over their
// relevant items. There are no lists. What comes out is not the metric over all items, and may
// order models differently (Krichene and Rendle 2020): it is for comparing with published figures.
//
// Errors: out_of_range for a k or a number of negatives below 1.
// The item vectors that the diversity of lists is measured by are those of `vectors`; where it has
// no factors, all items are at a distance of 1.
RankingMetrics ranking_metrics(const Scorer& scorer, const Towers& vectors,
                               const Interactions& test, const Interactions* train,
                               const RankingProtocol& protocol);
inline RankingMetrics ranking_metrics(const Towers& towers, const Interactions& test,
                                      const Interactions* train, const RankingProtocol& protocol) {
  return ranking_metrics(TowersScorer(towers), towers, test, train, protocol);
}

}  // namespace featherfm
