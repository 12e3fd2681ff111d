// Cutting interactions in two. Every split is a function of the interactions and, where it draws,
// of the seed alone. The result holds positions in the Interactions, ascending; the rest is the
// training part.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/interactions.h"

namespace featherfm {

using Positions = std::vector<std::uint32_t>;

// A random share of all interactions: round(test_fraction * size), test_fraction in [0, 1].
Positions random_test(const Interactions& data, double test_fraction, std::uint64_t seed);

// The same for `size` plain rows.
Positions random_rows(std::uint32_t size, double test_fraction, std::uint64_t seed);

// A random share of each user's interactions, rounded to the nearest; at least one of each user's
// stays in training.
Positions user_random_test(const Interactions& data, double test_fraction, std::uint64_t seed);

// One of `folds` parts that do not overlap, number `fold` from 0: all folds of the same seed
// together are everything, and their sizes differ by one at the most. Errors: out_of_range for
// fewer than 2 folds, or a fold that is not below their number.
struct Fold {
  std::uint32_t folds = 5, fold = 0;
};
Positions fold_test(const Interactions& data, Fold fold, std::uint64_t seed);
Positions fold_rows(std::uint32_t size, Fold fold, std::uint64_t seed);

// The same with each user's interactions spread over the folds evenly. A user's only interaction is
// in no fold: it stays in training.
Positions user_fold_test(const Interactions& data, Fold fold, std::uint64_t seed);

// Each user's latest `count` interactions; ties by the caller's row, later rows first. A user with
// `count` interactions or fewer stays in training whole. Needs timestamps.
Positions leave_last_out_test(const Interactions& data, std::uint32_t count);

// The latest share of all interactions: round(test_fraction * size); ties by the caller's row.
// Needs timestamps.
Positions time_test(const Interactions& data, double test_fraction);

// The given rows of the caller's lists, such as an official test file. A row whose entry was
// dropped as a duplicate is passed over. Errors: out_of_range for a row that was never there.
Positions rows_test(const Interactions& data, std::span<const std::uint32_t> rows);

struct TrainTest {
  Interactions train, test;
};
TrainTest split_at(const Interactions& data, const Positions& test);

}  // namespace featherfm
