// The parameters of matrix factorization with biases (Koren, Bell, Volinsky 2009):
//
//   y(u, i) = global_bias + user_biases[u] + item_biases[i] + <user_factors[u], item_factors[i]>
//
// A truncated SVD is one without biases, popularity is one without factors; all share this form,
// the file format and the way to Towers.
#pragma once

#include <optional>
#include <vector>

#include "base/matrix.h"
#include "data/interactions.h"
#include "model/towers.h"

namespace featherfm {

struct MatrixFactorization {
  Matrix user_factors, item_factors;            // users x k, items x k
  std::vector<float> user_biases, item_biases;  // zeros where a bias is switched off
  float global_bias = 0;
  Link link = Link::identity;
  ValueRange range;
  FoldInRule fold_in;
  std::vector<float> singular_values;  // of a truncated SVD, largest first; else empty

  MatrixFactorization() = default;
  MatrixFactorization(std::size_t users, std::size_t items, std::size_t factors)
      : user_factors(users, factors),
        item_factors(items, factors),
        user_biases(users),
        item_biases(items) {}

  std::size_t users() const { return user_biases.size(); }
  std::size_t items() const { return item_biases.size(); }
  std::size_t factors() const { return user_factors.columns(); }

  // Makes room for more users and items; the new rows are zero, which predicts an average user or
  // item.
  void grow(std::size_t users, std::size_t items);

  bool all_finite() const;

  Towers towers() const;
};

// Score of a pair straight from the parameters, without towers; unknown users and items count as
// average ones.
float score(const MatrixFactorization& model, std::uint32_t user, std::uint32_t item);

// The baseline that scores an item by the number of its interactions.
MatrixFactorization popularity(const Interactions& data);

}  // namespace featherfm
