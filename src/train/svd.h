// Truncated singular value decomposition of the rating matrix with its gaps filled.
#pragma once

#include <memory>
#include <optional>

#include "data/interactions.h"
#include "model/matrix_factorization.h"
#include "train/mf_options.h"

namespace featherfm {

enum class Fill { constant, global_mean, user_mean, item_mean };

struct SvdOptions {
  std::uint32_t factors = 16;  // 1 to 1024; never more than the smaller side of the matrix
  Fill fill = Fill::item_mean;
  float fill_value = 0;                   // for Fill::constant
  std::uint32_t oversampling = 10;        // 0 to 1024
  std::uint32_t power_iterations = 4;     // 0 to 100
  std::optional<ValueRange> value_range;  // empty: the range of the values
  std::uint64_t seed = 1;

  void validate() const;
};

// The filled matrix is sparse plus rank one: F = S + a b^T, where S holds (rating - fill) at the
// known places and a b^T the fill. A randomized range finder (Halko, Martinsson, Tropp 2011,
// algorithms 4.4 and 5.1) only multiplies F with thin matrices, so F itself is never formed.
// Singular values are split evenly: users get U sqrt(S), items V sqrt(S). Users and items without
// any rating take the fill of the global mean where theirs would be a mean of nothing. Weights are
// not used. One epoch; step() works in pieces.
std::unique_ptr<MfTrainer> make_svd(const SvdOptions& options,
                                    std::shared_ptr<const Interactions> data);

}  // namespace featherfm
