// Exact top-N by a full scan: at the sizes a browser holds, a SIMD scan of all items takes
// microseconds to milliseconds, and no approximate index has to be built, stored or explained. For
// large catalogues rank/int8_scan.h gives the same answer sooner.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/towers.h"
#include "rank/best_n.h"
#include "rank/int8_scan.h"

namespace featherfm {

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

// How all items are gone through. The results are the same, bit for bit.
enum class Scan {
  exact,  // every score from the floats
  int8,   // rank/int8_scan.h: most items are passed over by a bound on their score
};

// Best items for users, one after the other. Holds a mark per item, so one object serves many users
// cheaply.
class ItemRanker {
 public:
  explicit ItemRanker(const Towers& towers) : towers_(towers), barred_(towers.items.rows()) {}

  // At most `n` items by raw score; fewer when the filter leaves fewer. Indices beyond the items
  // are ignored. The first int8 scan makes the int8 items, which stay; candidates are few, so their
  // scores are always made from the floats.
  std::vector<Scored> top(UserView user, std::size_t n, const ItemFilter& filter,
                          Scan scan = Scan::exact);

  // To be called when items of the towers have changed or come in.
  void items_changed() {
    barred_.assign(towers_.items.rows(), 0);
    int8_items_.reset();
  }

 private:
  void mark(std::span<const std::uint32_t> items, bool barred);

  const Towers& towers_;
  std::vector<char> barred_;
  std::optional<Int8Items> int8_items_;
};

// At most `n` items by scores that are there already, one for each item.
std::vector<Scored> top_of(std::span<const float> scores, std::size_t n, const ItemFilter& filter);

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
