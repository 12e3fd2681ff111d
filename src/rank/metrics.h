// How good predictions and rankings are, over all users of a test set.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/interactions.h"
#include "model/towers.h"
#include "rank/scorer.h"

namespace featherfm {

// Errors of predicted values, clipped to the model's range, weighted by the test weights. All 0 for
// an empty test set.
struct RatingErrors {
  double rmse = 0;         // root of the mean squared error
  double mae = 0;          // mean absolute error
  double mae_rounded = 0;  // of predictions rounded to the nearest whole number, halves up
  double accuracy = 0;     // share of predictions on the same half of the range as the value
  double log_loss = 0;     // mean cross-entropy, range mapped onto [0, 1]; logistic link only
};
// Users and items the model never met are predicted as average ones.
RatingErrors rating_errors(const Towers& towers, const Interactions& test);
// Of scores that were computed already; `weights` empty: all 1.
RatingErrors rating_errors(std::span<const float> scores, std::span<const float> values,
                           std::span<const float> weights, Link link, ValueRange range);

// Ranking metrics at one cut-off k, each the mean over the evaluated users.
struct RankingAtK {
  double precision = 0;  // relevant items among the first k, divided by k
  double recall = 0;     // the same, divided by the number of relevant items
  double ndcg = 0;       // binary gains, discount 1 / log2(rank + 1), divided by the best possible
  double map = 0;        // average precision over the first k, divided by min(k, relevant)
  double mrr = 0;        // 1 / rank of the first relevant item, 0 if beyond k
  double hit_rate = 0;   // 1 if any relevant item is among the first k
  double coverage = 0;   // distinct items in all users' first k, divided by the number of items
};
struct RankingMetrics {
  std::vector<RankingAtK> at;  // one for each k asked for
  // Share of (relevant, other) pairs in the right order, mean over users that have both.
  double auc = 0;
  std::uint32_t users = 0;  // evaluated: known to the model, with at least one relevant test item
};

// Ranks, for each user, all items of the model but those of `train` (may be null). Relevant are the
// user's test items with a value of at least `relevant_from`; test items below it are ranked like
// any other. Ties are counted pessimistically: a relevant item stands behind every other item of
// equal score, so that a model that gives all items the same score has precision 0 and AUC 0.
// Relevant items that are unknown to the model count as never found. An item both in `train` and
// relevant in `test` is ranked as relevant, but never counts for coverage. Each k must be at
// least 1.
RankingMetrics ranking_metrics(const Scorer& scorer, const Interactions& test,
                               const Interactions* train, std::span<const std::uint32_t> ks,
                               float relevant_from);
RankingMetrics ranking_metrics(const Towers& towers, const Interactions& test,
                               const Interactions* train, std::span<const std::uint32_t> ks,
                               float relevant_from);

}  // namespace featherfm
