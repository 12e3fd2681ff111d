// Bringing one row of a model of implicit feedback up to date without training anew: the least
// squares step that a sweep would do for it, with the other side held.
#pragma once

#include <cstdint>
#include <optional>

#include "model/matrix_factorization.h"
#include "rank/fold_in.h"

namespace featherfm {

// The item side of a model as if it were the user side, so that an item can be folded in by the
// users who met it.
class ItemFoldIn {
 public:
  explicit ItemFoldIn(const MatrixFactorization& model);

  // The vector of an item that users gave these values; `given.items` are indices of users. Errors
  // as in FoldIn, with `ratings` naming users.
  std::vector<float> fold(const GivenRatings& given);

 private:
  Towers towers_;  // with the sides exchanged
  FoldIn fold_in_;
};

// Puts a vector into the model and its towers, for a user known to them or the next one; likewise
// an item. When memory runs out, both stay as they were.
void set_user(MatrixFactorization& model, Towers& towers, std::uint32_t user,
              std::span<const float> vector);
void set_item(MatrixFactorization& model, Towers& towers, std::uint32_t item,
              std::span<const float> vector);

}  // namespace featherfm
