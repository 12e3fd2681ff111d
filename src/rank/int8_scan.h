// A faster scan for the top N whose answer is that of the exact scan: same items, same scores, same
// order, ties included.
//
// The latent columns of every item are kept a second time as int8 with one scale per row, a quarter
// of the memory that a scan has to read; the bias column stays an exact float. A user's row is
// rounded to int16. The whole-number dot product then gives each item an approximate score, and
// with
//
//   x = the item's latent columns = s x8 + e,    |e|_2 = r, known since the item was rounded
//   q = the user's                = t q16 + f,   |f|_2 measured once per scan
//   |q.x - s t (q16.x8)| = |q.e + f.(s x8)| <= |q|_2 r + |f|_2 s |x8|_2     (Cauchy-Schwarz)
//
// plus what the sums in float round, a lowest and a highest score, between which the exact dot
// product lies. Where n items are certain to score at least b, an item whose highest score is below
// b is none of the best; for every other one the exact product is computed from the floats and
// offered. So nothing is lost by construction (recall is 1), and rounding decides about the speed
// alone: outliers in a row make its bounds loose.
//
// Rows stand by falling length, so that the bar is high early and most groups of short rows are
// passed over unread: |q.x| <= |q|_2 |x|_2 (as in LEMP; Teflioudi, Gemulla, Mykytiuk 2015).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/matrix.h"
#include "rank/best_n.h"

namespace featherfm {

class Int8Items {
 public:
  // `items` as in Towers: `factors` latent columns, then the bias. It must outlive this and stay as
  // it is. Takes about factors + 17 bytes per item.
  Int8Items(const Matrix& items, std::size_t factors);

  // Offers `best` every item that may be among its n, with the exact score dot(query, item), but
  // for those marked in `barred` (one mark per item). `query` has the stride of `items`. Gives what
  // offering every item would give, also for a query with NaN or infinity in it.
  void scan(const float* query, std::span<const char> barred, BestN& best) const;

 private:
  struct Query;
  void scan_exactly(const float* query, std::span<const char> barred, BestN& best) const;

  const Matrix& items_;
  std::size_t factors_, pairs_;
  double longest_ = 0;                // |x|_2 of the longest item, bias and all
  std::vector<std::uint32_t> order_;  // the item that stands in each row
  // Groups of sixteen rows, in them pairs of columns, of each pair the sixteen rows' two numbers:
  // what a multiply-add of neighbours then sums up stands in the lanes of four rows each, and no
  // row needs a sum over lanes.
  std::vector<std::int8_t, Aligned16<std::int8_t>> numbers_;
  AlignedFloats scales_, errors_, biases_;  // s, r and the bias of every row
  struct Group {
    float length, least_bias, most_bias;  // |x|_2 of the longest row, rounded up
  };
  std::vector<Group> groups_;
};

namespace simd {

// sums[k] = <query, row k> for the sixteen rows of a group: `rows` has 32 numbers for each of the
// `pairs` pairs of columns, `query` each pair of its numbers four times. Both are aligned to 16
// bytes. The sums must fit into 32 bits.
void group_sums(const std::int8_t* rows, const std::int16_t* query, std::size_t pairs,
                std::int32_t* sums);

}  // namespace simd

namespace scalar {

// The twin, which gives the same numbers.
void group_sums(const std::int8_t* rows, const std::int16_t* query, std::size_t pairs,
                std::int32_t* sums);

}  // namespace scalar

}  // namespace featherfm
