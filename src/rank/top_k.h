// Exact top-N by a full scan: at the sizes a browser holds, a SIMD scan of all items takes
// microseconds to milliseconds, and no approximate index has to be built, stored or explained.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/towers.h"

namespace featherfm {

struct Scored {
  std::uint32_t index;
  float score;
};

// The `n` best of what it is offered. Order: higher score first, equal scores by lower index, so
// that results do not depend on the order of offers.
class BestN {
 public:
  explicit BestN(std::size_t n) : n_(n) {}

  void offer(std::uint32_t index, float score) {
    if (heap_.size() == n_ && (n_ == 0 || !better({index, score}, heap_.front()))) return;
    insert({index, score});
  }
  // Best first. Leaves this empty.
  std::vector<Scored> take();

 private:
  static bool better(const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score > b.score : a.index < b.index;
  }
  void insert(Scored scored);

  std::size_t n_;
  std::vector<Scored> heap_;  // the worst of the best in front
};

// A row of a user tower with its offset: a user of the model, or one that was folded in.
struct UserView {
  const float* row;  // towers.users.stride() floats
  float offset;
};

inline UserView user_view(const Towers& towers, std::uint32_t user) {
  return {towers.users.row(user), towers.user_offsets[user]};
}

// Which items may be returned. Indices need no order and may repeat.
struct ItemFilter {
  std::span<const std::uint32_t> seen, exclude;              // never these
  std::optional<std::span<const std::uint32_t>> candidates;  // only these; empty optional: all
};

// Best items for users, one after the other. Holds a mark per item, so one object serves many users
// cheaply.
class ItemRanker {
 public:
  explicit ItemRanker(const Towers& towers) : towers_(towers), barred_(towers.items.rows()) {}

  // At most `n` items by raw score; fewer when the filter leaves fewer. Indices beyond the items
  // are ignored.
  std::vector<Scored> top(UserView user, std::size_t n, const ItemFilter& filter);

 private:
  void mark(std::span<const std::uint32_t> items, bool barred);

  const Towers& towers_;
  std::vector<char> barred_;
};

enum class Similarity { cosine, dot };

// The rows of `tower` whose first `factors` columns are most similar to `query` (`factors` long),
// without the row `except`. The cosine with a zero vector (an item nobody rated) is 0.
std::vector<Scored> similar_rows(const Matrix& tower, std::size_t factors,
                                 std::span<const float> query, std::size_t n, Similarity measure,
                                 std::optional<std::uint32_t> except = std::nullopt);
// The same for a row of the tower, without the row itself.
inline std::vector<Scored> similar_rows(const Matrix& tower, std::size_t factors, std::uint32_t row,
                                        std::size_t n, Similarity measure) {
  return similar_rows(tower, factors, tower.columns_of(row).first(factors), n, measure, row);
}

// At most `n` users with the highest scores for an item, given as a row of the item tower.
std::vector<Scored> top_users(const Towers& towers, const float* item_row, std::size_t n);

}  // namespace featherfm
