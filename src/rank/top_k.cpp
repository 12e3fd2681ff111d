#include "rank/top_k.h"

#include <algorithm>
#include <cmath>

namespace featherfm {

void ItemRanker::mark(std::span<const std::uint32_t> items, bool barred) {
  for (const std::uint32_t item : items) {
    if (item < barred_.size()) barred_[item] = barred;
  }
}

std::vector<Scored> ItemRanker::top(UserView user, std::size_t n, const ItemFilter& filter,
                                    Scan scan) {
  // Before any mark is set: making them may fail for want of memory.
  if (scan == Scan::int8 && !int8_items_) int8_items_.emplace(towers_.items, towers_.factors);
  mark(filter.seen, true);
  mark(filter.exclude, true);
  BestN best(std::min(n, towers_.items.rows()));
  const std::size_t stride = towers_.items.stride();
  const auto consider = [&](std::uint32_t item) {
    if (barred_[item]) return;
    best.offer(item, simd::dot(user.row, towers_.items.row(item), stride));
  };
  if (filter.candidates) {
    for (const std::uint32_t item : *filter.candidates) {
      if (item >= barred_.size()) continue;
      consider(item);
      barred_[item] = true;  // a candidate named twice counts once
    }
    mark(*filter.candidates, false);
  } else if (scan == Scan::int8) {
    int8_items_->scan(user.row, barred_, best);
  } else {
    for (std::uint32_t item = 0; item < barred_.size(); ++item) consider(item);
  }
  mark(filter.seen, false);
  mark(filter.exclude, false);
  // Only now: added before, a large offset would round different scores into ties.
  std::vector<Scored> result = best.take();
  for (Scored& scored : result) scored.score += user.offset;
  return result;
}

std::vector<Scored> top_of(std::span<const float> scores, std::size_t n, const ItemFilter& filter) {
  std::vector<char> barred(scores.size(), filter.candidates ? 1 : 0);
  const auto mark = [&](std::span<const std::uint32_t> items, char value) {
    for (const std::uint32_t item : items) {
      if (item < barred.size()) barred[item] = value;
    }
  };
  if (filter.candidates) mark(*filter.candidates, 0);
  mark(filter.seen, 1);
  mark(filter.exclude, 1);
  BestN best(std::min(n, scores.size()));
  for (std::uint32_t item = 0; item < barred.size(); ++item) {
    if (!barred[item]) best.offer(item, scores[item]);
  }
  return best.take();
}

std::vector<Scored> similar_rows(const Matrix& tower, std::size_t factors,
                                 std::span<const float> wanted, std::size_t n, Similarity measure,
                                 std::optional<std::uint32_t> except) {
  // The bias column takes no part: with a 0 there in a copy of the query, dot() passes over it.
  AlignedFloats query(tower.stride());
  std::ranges::copy(wanted, query.begin());
  const auto norm = [&](const float* x) {
    float sum = 0;
    for (std::size_t f = 0; f < factors; ++f) sum += x[f] * x[f];
    return std::sqrt(sum);
  };
  const float query_norm = norm(query.data());
  BestN best(std::min(n, tower.rows()));
  for (std::uint32_t other = 0; other < tower.rows(); ++other) {
    if (other == except) continue;
    float score = simd::dot(query.data(), tower.row(other), tower.stride());
    if (measure == Similarity::cosine) {
      const float norms = query_norm * norm(tower.row(other));
      score = norms > 0 ? std::clamp(score / norms, -1.0f, 1.0f) : 0;
    }
    best.offer(other, score);
  }
  return best.take();
}

std::vector<Scored> top_users(const Towers& towers, const float* item_row, std::size_t n) {
  BestN best(std::min(n, towers.users.rows()));
  for (std::uint32_t user = 0; user < towers.users.rows(); ++user) {
    best.offer(user, towers.user_offsets[user] +
                         simd::dot(towers.users.row(user), item_row, towers.items.stride()));
  }
  return best.take();
}

}  // namespace featherfm
