#include "rank/ranking_metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

#include "base/error.h"
#include "base/portable_math.h"
#include "base/random.h"
#include "base/simd.h"
#include "rank/best_n.h"

namespace featherfm {
namespace {

constexpr float out = -std::numeric_limits<float>::infinity();  // score of what is not ranked

double discount(double rank) {
  return 0.6931471805599453 / portable_log(rank + 1);
}

// A ranking, reduced to the ranks of the relevant items.
struct Ranks {
  std::vector<std::uint32_t> ranks;  // ascending, from 1, of the relevant items known to the model
  std::uint32_t relevant = 0;        // with the unknown ones
  std::uint32_t others = 0;          // ranked items that are not relevant
  double pairs_in_order = 0;         // (relevant, other) with the relevant one strictly ahead
};

// Means over users: each adds its rankings, by weights that sum to 1.
class RankSums {
 public:
  explicit RankSums(std::span<const std::uint32_t> ks) : ks_(ks), at_(ks.size()) {}

  void add(const Ranks& ranking, double weight) {
    for (std::size_t j = 0; j < ks_.size(); ++j) add_at(ranking, ks_[j], weight, at_[j]);
    if (ranking.ranks.empty()) return;
    mrr_ += weight / ranking.ranks.front();
    if (ranking.others == 0) return;
    const double pairs = double(ranking.others) * double(ranking.ranks.size());
    auc_ += weight * ranking.pairs_in_order / pairs;
    auc_weight_ += weight;
  }
  void end_user() {
    ++users_;
    if (auc_weight_ > 0) {
      sum_of_auc_ += auc_ / auc_weight_;
      ++users_with_pairs_;
    }
    auc_ = auc_weight_ = 0;
  }

  void write(RankingMetrics& result) const {
    result.users = users_;
    if (users_with_pairs_ > 0) result.auc = sum_of_auc_ / users_with_pairs_;
    if (users_ == 0) return;
    result.mrr = mrr_ / users_;
    for (std::size_t j = 0; j < ks_.size(); ++j) {
      RankingAtK& at = result.at[j];
      at.precision = at_[j].precision / users_;
      at.recall = at_[j].recall / users_;
      at.ndcg = at_[j].ndcg / users_;
      at.map = at_[j].map / users_;
      at.mrr = at_[j].mrr / users_;
      at.hit_rate = at_[j].hit_rate / users_;
    }
  }

 private:
  static void add_at(const Ranks& ranking, std::uint32_t k, double weight, RankingAtK& sums) {
    double hits = 0, gain = 0, precisions = 0;
    for (const std::uint32_t rank : ranking.ranks) {
      if (rank > k) break;
      ++hits;
      gain += discount(rank);
      precisions += hits / rank;
    }
    if (hits == 0) return;
    const std::uint32_t possible = std::min(k, ranking.relevant);
    double best_gain = 0;
    for (std::uint32_t rank = 1; rank <= possible; ++rank) best_gain += discount(rank);
    sums.precision += weight * hits / k;
    sums.recall += weight * hits / ranking.relevant;
    sums.ndcg += weight * gain / best_gain;
    sums.map += weight * precisions / possible;
    sums.mrr += weight / ranking.ranks.front();
    sums.hit_rate += weight;
  }

  std::span<const std::uint32_t> ks_;
  std::vector<RankingAtK> at_;
  double mrr_ = 0, auc_ = 0, auc_weight_ = 0, sum_of_auc_ = 0;
  std::uint32_t users_ = 0, users_with_pairs_ = 0;
};

// What the lists of all users are like.
class ListSums {
 public:
  ListSums(const Towers& towers, const RankingProtocol& protocol)
      : towers_(towers), protocol_(protocol), at_(protocol.ks.size()), sum_(towers.factors) {
    for (AtK& at : at_) at.shown.resize(towers.items.rows());
    lengths_.reserve(towers.items.rows());
    for (std::uint32_t item = 0; item < towers.items.rows(); ++item) {
      double square = 0;
      for (const float x : vector(item)) square += double{x} * double{x};
      lengths_.push_back(std::sqrt(square));
    }
  }

  void add(std::span<const Scored> list) {
    std::ranges::fill(sum_, 0.0);
    double information = 0, directed = 0;
    for (std::size_t length = 1; length <= list.size(); ++length) {
      const std::uint32_t item = list[length - 1].index;
      if (!protocol_.information.empty()) information += double{protocol_.information[item]};
      directed += add_direction(item);
      for (std::size_t j = 0; j < at_.size(); ++j) {
        // A cut-off beyond the list takes all of it.
        if (std::min<std::size_t>(protocol_.ks[j], list.size()) != length) continue;
        add_at(at_[j], list.first(length), information, directed);
      }
    }
  }

  void write(RankingMetrics& result) const {
    for (std::size_t j = 0; j < at_.size(); ++j) {
      const AtK& sums = at_[j];
      RankingAtK& at = result.at[j];
      if (sums.lists > 0) at.novelty = sums.novelty / sums.lists;
      if (sums.with_pairs > 0) at.diversity = sums.diversity / sums.with_pairs;
      if (sums.lists > 0) write_exposure(sums.shown, at);
    }
  }

 private:
  struct AtK {
    std::vector<std::uint32_t> shown;  // how often, by item
    double novelty = 0, diversity = 0;
    std::uint32_t lists = 0, with_pairs = 0;
  };

  std::span<const float> vector(std::uint32_t item) const {
    return towers_.items.columns_of(item).first(towers_.factors);
  }

  // Adds the item's direction to the sum; 1 if it has one.
  double add_direction(std::uint32_t item) {
    if (lengths_[item] == 0) return 0;
    const auto v = vector(item);
    for (std::size_t f = 0; f < v.size(); ++f) sum_[f] += double{v[f]} / lengths_[item];
    return 1;
  }

  // Of n directions d the sum of the cosines of all ordered pairs is |sum d|^2 - n.
  void add_at(AtK& at, std::span<const Scored> list, double information, double directed) const {
    const auto length = static_cast<double>(list.size());
    for (const Scored& scored : list) ++at.shown[scored.index];
    ++at.lists;
    at.novelty += information / length;
    if (list.size() < 2) return;
    double square = 0;
    for (const double x : sum_) square += x * x;
    ++at.with_pairs;
    at.diversity += std::max(0.0, 1 - (square - directed) / (length * (length - 1)));
  }

  static void write_exposure(const std::vector<std::uint32_t>& shown, RankingAtK& at) {
    const auto items = static_cast<double>(shown.size());
    // Counted by how often, which is never more than there are users: no need to sort.
    std::vector<std::uint32_t> with(*std::ranges::max_element(shown) + std::size_t{1});
    double all = 0;
    for (const std::uint32_t times : shown) {
      ++with[times];
      all += times;
    }
    at.coverage = (items - with[0]) / items;
    // sum_r (2 r - n - 1) x_r / (n sum x) over the ranks r of n ascending x; m equal ones behind
    // `below` others have ranks that sum to m (2 below + m + 1) / 2.
    double below = 0, weighted = 0;
    for (std::size_t times = 0; times < with.size(); ++times) {
      const double m = with[times];
      weighted += static_cast<double>(times) * m * (2 * below + m - items);
      below += m;
    }
    at.gini = weighted / (items * all);
  }

  const Towers& towers_;
  const RankingProtocol& protocol_;
  std::vector<AtK> at_;
  std::vector<double> lengths_, sum_;
};

// One pass over a user's items: scores once, everything else from them.
class UserRanking {
 public:
  UserRanking(const Scorer& scorer, const Interactions& test, const Interactions* train,
              float relevant_from)
      : scorer_(scorer),
        test_(test),
        train_(train),
        relevant_from_(relevant_from),
        scores_(padded(scorer.items()), out) {}

  // Number of the user's relevant test items, with those the model does not know.
  std::uint32_t score(std::uint32_t user) {
    relevant_.clear();
    std::uint32_t count = 0;
    for (std::uint32_t p = test_.user_begin(user); p < test_.user_end(user); ++p) {
      if (!(test_.value_at(p) >= relevant_from_)) continue;
      ++count;
      if (test_.item_at(p) < items()) relevant_.push_back({test_.item_at(p), 0});
    }
    if (count == 0) return 0;
    scorer_.score_items(user, std::span(scores_).first(items()));
    for (Scored& item : relevant_) item.score = scores_[item.index];
    others_ = items();
    if (train_ != nullptr && user < train_->users()) take_out(train_->items_of(user));
    return count;
  }

  // The best that the user may be shown, training items left out.
  std::vector<Scored> list(std::size_t n) const {
    BestN best(std::min<std::size_t>(n, items()));
    constexpr std::uint32_t piece = 16;  // most of them have nothing that comes in
    for (std::uint32_t begin = 0; begin < items(); begin += piece) {
      const std::size_t length = std::min<std::size_t>(piece, scores_.size() - begin);
      if (simd::count_from(&scores_[begin], best.bar(), length) == 0) continue;
      for (std::uint32_t item = begin; item < std::min(begin + piece, items()); ++item) {
        if (scores_[item] > out) best.offer(item, scores_[item]);
      }
    }
    return best.take();
  }

  // Against all others. Leaves only those in.
  Ranks among_all(std::uint32_t relevant) {
    for (const Scored& item : relevant_) take_out({&item.index, 1});
    std::vector<float> wanted;
    for (const Scored& item : relevant_) wanted.push_back(item.score);
    // A heap sort: the lists are short, and its code is a tenth of std::sort's.
    std::make_heap(wanted.begin(), wanted.end(), std::greater<>());
    std::sort_heap(wanted.begin(), wanted.end(), std::greater<>());
    Ranks result{{}, relevant, others_, 0};
    for (std::uint32_t r = 0; r < wanted.size(); ++r) {
      const std::uint32_t ahead = simd::count_from(scores_.data(), wanted[r], scores_.size());
      result.ranks.push_back(ahead + r + 1);
      result.pairs_in_order += others_ - ahead;
    }
    return result;
  }

  // One ranking for each relevant item the model knows, handed to `use`.
  template <class Use>
  void among_sampled(std::uint32_t user, std::uint32_t count, Random& random, const Use& use) {
    take_out(test_.items_of(user));
    unmet_.clear();
    for (std::uint32_t item = 0; item < items(); ++item) {
      if (scores_[item] > out) unmet_.push_back(item);
    }
    const auto unmet = static_cast<std::uint32_t>(unmet_.size());
    for (const Scored& item : relevant_) {
      const std::uint32_t drawn = std::min(count, unmet);
      std::uint32_t ahead = 0;
      for (std::uint32_t k = 0; k < drawn; ++k) {
        std::swap(unmet_[k], unmet_[k + random.below(unmet - k)]);
        if (scores_[unmet_[k]] >= item.score) ++ahead;
      }
      use(Ranks{{ahead + 1}, 1, drawn, double(drawn - ahead)});
    }
  }
  std::uint32_t known() const { return static_cast<std::uint32_t>(relevant_.size()); }

 private:
  std::uint32_t items() const { return static_cast<std::uint32_t>(scorer_.items()); }

  void take_out(std::span<const std::uint32_t> list) {
    for (const std::uint32_t item : list) {
      if (item >= items() || scores_[item] == out) continue;
      scores_[item] = out;
      --others_;
    }
  }

  const Scorer& scorer_;
  const Interactions& test_;
  const Interactions* train_;
  float relevant_from_;
  AlignedFloats scores_;              // padded with `out`
  std::vector<Scored> relevant_;      // those the model knows
  std::uint32_t others_ = 0;          // items that are in
  std::vector<std::uint32_t> unmet_;  // by the user, in training and test
};

}  // namespace

RankingMetrics ranking_metrics(const Scorer& scorer, const Towers& vectors,
                               const Interactions& test, const Interactions* train,
                               const RankingProtocol& protocol) {
  constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
  for (const std::uint32_t k : protocol.ks) require_range<std::uint32_t>(k, 1, most, "k");
  if (protocol.negatives) {
    require_range<std::uint32_t>(protocol.negatives->count, 1, most, "negatives");
  }
  const bool lists = protocol.lists && !protocol.ks.empty() && !protocol.negatives;
  const std::uint32_t longest = lists ? *std::ranges::max_element(protocol.ks) : 0;

  RankSums sums(protocol.ks);
  std::optional<ListSums> shown;
  if (lists) shown.emplace(vectors, protocol);
  Random random(protocol.negatives ? protocol.negatives->seed : 0);
  UserRanking ranking(scorer, test, train, protocol.relevant_from);
  const auto users = std::min<std::size_t>(test.users(), scorer.users());
  for (std::uint32_t user = 0; user < users; ++user) {
    const std::uint32_t relevant = ranking.score(user);
    if (relevant == 0) continue;
    if (shown) shown->add(ranking.list(longest));
    if (protocol.negatives) {
      // Relevant items that the model does not know are never found: they add nothing.
      ranking.among_sampled(user, protocol.negatives->count, random,
                            [&](const Ranks& one) { sums.add(one, 1.0 / relevant); });
    } else {
      sums.add(ranking.among_all(relevant), 1);
    }
    sums.end_user();
  }

  RankingMetrics result;
  result.at.resize(protocol.ks.size());
  sums.write(result);
  if (shown) shown->write(result);
  return result;
}

}  // namespace featherfm
