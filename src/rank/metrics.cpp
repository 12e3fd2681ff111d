#include "rank/metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/portable_math.h"
#include "rank/top_k.h"

namespace featherfm {
namespace {

double discount(double rank) {
  return 0.6931471805599453 / portable_log(rank + 1);
}

// One user's ranking, reduced to the ranks of the relevant items.
struct UserRanks {
  std::vector<std::uint32_t> ranks;  // ascending, from 1, of the relevant items known to the model
  std::uint32_t relevant = 0;        // with the unknown ones
  std::uint32_t others = 0;          // ranked items that are not relevant
  double pairs_in_order = 0;         // (relevant, other) with the relevant one strictly ahead
};

class RankFinder {
 public:
  RankFinder(const Scorer& scorer, const Interactions& test, const Interactions* train,
             float relevant_from)
      : scorer_(scorer),
        test_(test),
        train_(train),
        relevant_from_(relevant_from),
        role_(scorer.items()),
        all_scores_(scorer.items()) {}

  UserRanks find(std::uint32_t user) {
    UserRanks result;
    scorer_.score_items(user, all_scores_);
    scores_.clear();
    const auto train_items = items_in_training(user);
    mark(train_items, Role::barred);
    for (std::uint32_t p = test_.user_begin(user); p < test_.user_end(user); ++p) {
      if (!(test_.value_at(p) >= relevant_from_)) continue;
      ++result.relevant;
      const std::uint32_t item = test_.item_at(p);
      if (item >= role_.size()) continue;
      // An item both in training and test is taken as test: that is what is asked about.
      role_[item] = Role::relevant;
      scores_.push_back(all_scores_[item]);
    }
    // A heap sort: the lists are short, and its code is a tenth of std::sort's.
    std::make_heap(scores_.begin(), scores_.end(), std::greater<>());
    std::sort_heap(scores_.begin(), scores_.end(), std::greater<>());
    if (result.relevant > 0) rank_against_others(result);
    mark(train_items, Role::other);
    mark(test_.items_of(user), Role::other);
    return result;
  }

  std::span<const std::uint32_t> items_in_training(std::uint32_t user) const {
    if (train_ == nullptr || user >= train_->users()) return {};
    return train_->items_of(user);
  }

  // Of all items, for the user that find() was asked about last.
  std::span<const float> scores() const { return all_scores_; }

 private:
  enum class Role : char { other, barred, relevant };

  void mark(std::span<const std::uint32_t> items, Role role) {
    for (const std::uint32_t item : items) {
      if (item < role_.size()) role_[item] = role;
    }
  }

  void rank_against_others(UserRanks& result) {
    // ahead[r]: others that stand before the relevant item r but not before r - 1.
    std::vector<std::uint32_t> ahead(scores_.size() + 1);
    for (std::uint32_t item = 0; item < role_.size(); ++item) {
      if (role_[item] != Role::other) continue;
      ++result.others;
      if (scores_.empty()) continue;
      const float s = all_scores_[item];
      if (s < scores_.back()) continue;
      // The first relevant score that is not above s.
      const auto first = std::lower_bound(scores_.begin(), scores_.end(), s, std::greater<>());
      ++ahead[static_cast<std::size_t>(first - scores_.begin())];
    }
    std::uint32_t others_ahead = 0;
    for (std::uint32_t r = 0; r < scores_.size(); ++r) {
      others_ahead += ahead[r];
      result.ranks.push_back(others_ahead + r + 1);
      result.pairs_in_order += result.others - others_ahead;
    }
  }

  const Scorer& scorer_;
  const Interactions& test_;
  const Interactions* train_;
  float relevant_from_;
  std::vector<Role> role_;         // of each item for the current user
  std::vector<float> all_scores_;  // of the current user
  std::vector<float> scores_;      // of the relevant items, descending
};

void add(const UserRanks& user, std::uint32_t k, RankingAtK& sums) {
  double hits = 0, gain = 0, precisions = 0;
  for (const std::uint32_t rank : user.ranks) {
    if (rank > k) break;
    ++hits;
    gain += discount(rank);
    precisions += hits / rank;
  }
  const std::uint32_t possible = std::min(k, user.relevant);
  double best_gain = 0;
  for (std::uint32_t rank = 1; rank <= possible; ++rank) best_gain += discount(rank);
  sums.precision += hits / k;
  sums.recall += hits / user.relevant;
  sums.ndcg += gain / best_gain;
  sums.map += precisions / possible;
  if (hits > 0) {
    sums.mrr += 1.0 / user.ranks.front();
    sums.hit_rate += 1;
  }
}

class RatingErrorSums {
 public:
  RatingErrorSums(Link link, ValueRange range) : link_(link), range_(range) {}

  void add(float score, double actual, double weight) {
    const double predicted = value_of(score, link_, range_, true);
    sums_.rmse += weight * (predicted - actual) * (predicted - actual);
    sums_.mae += weight * std::abs(predicted - actual);
    sums_.mae_rounded += weight * std::abs(std::floor(predicted + 0.5) - actual);
    const double middle = 0.5 * (double{range_.low} + double{range_.high});
    if ((predicted >= middle) == (actual >= middle)) sums_.accuracy += weight;
    if (link_ == Link::logistic) {
      const double target = (actual - range_.low) / (double{range_.high} - range_.low);
      sums_.log_loss += weight * (softplus(score) - target * double{score});
    }
    weights_ += weight;
  }

  RatingErrors errors() const {
    if (weights_ == 0) return {};
    return {std::sqrt(sums_.rmse / weights_), sums_.mae / weights_, sums_.mae_rounded / weights_,
            sums_.accuracy / weights_, sums_.log_loss / weights_};
  }

 private:
  Link link_;
  ValueRange range_;
  RatingErrors sums_;
  double weights_ = 0;
};

}  // namespace

RatingErrors rating_errors(const Towers& towers, const Interactions& test) {
  RatingErrorSums sums(towers.link, towers.range);
  for (std::uint32_t user = 0; user < test.users(); ++user) {
    for (std::uint32_t p = test.user_begin(user); p < test.user_end(user); ++p) {
      sums.add(towers.score(user, test.item_at(p)), test.value_at(p), test.weight_at(p));
    }
  }
  return sums.errors();
}

RatingErrors rating_errors(std::span<const float> scores, std::span<const float> values,
                           std::span<const float> weights, Link link, ValueRange range) {
  RatingErrorSums sums(link, range);
  for (std::size_t k = 0; k < scores.size(); ++k) {
    sums.add(scores[k], values[k], weights.empty() ? 1.0 : double{weights[k]});
  }
  return sums.errors();
}

RankingMetrics ranking_metrics(const Scorer& scorer, const Interactions& test,
                               const Interactions* train, std::span<const std::uint32_t> ks,
                               float relevant_from) {
  for (const std::uint32_t k : ks) {
    require_range<std::uint32_t>(k, 1, std::numeric_limits<std::uint32_t>::max(), "k");
  }
  RankingMetrics result;
  result.at.resize(ks.size());
  std::vector<std::vector<char>> recommended(ks.size(), std::vector<char>(scorer.items()));
  const std::uint32_t largest_k = ks.empty() ? 0 : *std::max_element(ks.begin(), ks.end());

  RankFinder finder(scorer, test, train, relevant_from);
  std::uint32_t with_pairs = 0;
  for (std::uint32_t user = 0; user < std::min<std::size_t>(test.users(), scorer.users()); ++user) {
    const UserRanks ranks = finder.find(user);
    if (ranks.relevant == 0) continue;
    ++result.users;
    if (ranks.others > 0 && !ranks.ranks.empty()) {
      ++with_pairs;
      result.auc += ranks.pairs_in_order / (double(ranks.others) * double(ranks.ranks.size()));
    }
    const auto top =
        top_of(finder.scores(), largest_k, {finder.items_in_training(user), {}, std::nullopt});
    for (std::size_t j = 0; j < ks.size(); ++j) {
      add(ranks, ks[j], result.at[j]);
      for (std::size_t r = 0; r < std::min<std::size_t>(top.size(), ks[j]); ++r) {
        recommended[j][top[r].index] = 1;
      }
    }
  }

  if (with_pairs > 0) result.auc /= with_pairs;
  for (std::size_t j = 0; j < ks.size() && result.users > 0; ++j) {
    RankingAtK& at = result.at[j];
    for (double* sum : {&at.precision, &at.recall, &at.ndcg, &at.map, &at.mrr, &at.hit_rate}) {
      *sum /= result.users;
    }
    at.coverage = static_cast<double>(std::count(recommended[j].begin(), recommended[j].end(), 1)) /
                  static_cast<double>(scorer.items());
  }
  return result;
}

RankingMetrics ranking_metrics(const Towers& towers, const Interactions& test,
                               const Interactions* train, std::span<const std::uint32_t> ks,
                               float relevant_from) {
  return ranking_metrics(TowersScorer(towers), test, train, ks, relevant_from);
}

}  // namespace featherfm
