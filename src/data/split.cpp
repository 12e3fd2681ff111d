#include "data/split.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace featherfm {
namespace {

Positions all_positions(std::uint32_t size) {
  Positions positions(size);
  std::iota(positions.begin(), positions.end(), 0u);
  return positions;
}

// Draws `count` of `positions` without replacement: the first steps of a Fisher-Yates shuffle.
void draw(Positions& positions, std::size_t count, Random& random) {
  for (std::size_t k = 0; k < count; ++k) {
    const auto left = static_cast<std::uint32_t>(positions.size() - k);
    std::swap(positions[k], positions[k + random.below(left)]);
  }
  positions.resize(count);
}

std::size_t share_of(std::size_t size, double fraction) {
  return static_cast<std::size_t>(std::floor(fraction * static_cast<double>(size) + 0.5));
}

void require_timestamps(const Interactions& data) {
  if (data.has_timestamps() || data.size() == 0) return;
  fail(ErrorCode::invalid_argument, "timestamps",
       {"a split by time needs interactions with timestamps"});
}

// Leaves the `count` latest of `positions`, in no order; on a tie the later row of the caller's
// lists. A heap of the latest so far: no need to sort the others.
void keep_latest(const Interactions& data, Positions& positions, std::size_t count) {
  const auto later = [&data](std::uint32_t a, std::uint32_t b) {
    const double time_a = data.timestamp_at(a), time_b = data.timestamp_at(b);
    return time_a != time_b ? time_a > time_b : data.source_row_at(a) > data.source_row_at(b);
  };
  const auto end = positions.begin() + static_cast<std::ptrdiff_t>(count);
  std::make_heap(positions.begin(), end, later);  // the earliest of the latest in front
  for (std::size_t k = count; k < positions.size() && count > 0; ++k) {
    if (!later(positions[k], positions.front())) continue;
    std::pop_heap(positions.begin(), end, later);
    positions[count - 1] = positions[k];
    std::push_heap(positions.begin(), end, later);
  }
  positions.resize(count);
}

// In ascending order; each at most once.
Positions ascending(std::uint32_t size, const Positions& positions) {
  std::vector<char> chosen(size);
  for (const std::uint32_t position : positions) chosen[position] = 1;
  Positions result;
  result.reserve(positions.size());
  for (std::uint32_t position = 0; position < size; ++position) {
    if (chosen[position]) result.push_back(position);
  }
  return result;
}

void validate(const Fold& fold) {
  require_range<std::uint32_t>(fold.folds, 2, std::numeric_limits<std::uint32_t>::max(), "folds");
  require_range<std::uint32_t>(fold.fold, 0, fold.folds - 1, "fold");
}

}  // namespace

Positions random_test(const Interactions& data, double test_fraction, std::uint64_t seed) {
  return random_rows(data.size(), test_fraction, seed);
}

Positions random_rows(std::uint32_t size, double test_fraction, std::uint64_t seed) {
  require_range(test_fraction, 0.0, 1.0, "testFraction");
  Positions test = all_positions(size);
  Random random(seed);
  draw(test, share_of(test.size(), test_fraction), random);
  return ascending(size, test);
}

Positions user_random_test(const Interactions& data, double test_fraction, std::uint64_t seed) {
  require_range(test_fraction, 0.0, 1.0, "testFraction");
  Positions test, own;
  Random random(seed);
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    own.resize(data.user_end(user) - data.user_begin(user));
    if (own.empty()) continue;
    std::iota(own.begin(), own.end(), data.user_begin(user));
    draw(own, std::min(share_of(own.size(), test_fraction), own.size() - 1), random);
    test.insert(test.end(), own.begin(), own.end());
  }
  return ascending(data.size(), test);
}

Positions fold_test(const Interactions& data, Fold fold, std::uint64_t seed) {
  return fold_rows(data.size(), fold, seed);
}

Positions fold_rows(std::uint32_t size, Fold fold, std::uint64_t seed) {
  validate(fold);
  Positions order = all_positions(size), test;
  Random random(seed);
  random.shuffle(order);
  for (std::size_t k = fold.fold; k < order.size(); k += fold.folds) test.push_back(order[k]);
  return ascending(size, test);
}

Positions user_fold_test(const Interactions& data, Fold fold, std::uint64_t seed) {
  validate(fold);
  Positions test, own;
  Random random(seed);
  std::size_t dealt = 0;  // so that what does not come out even does not go to the same folds
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    own.resize(data.user_end(user) - data.user_begin(user));
    if (own.size() < 2) continue;
    std::iota(own.begin(), own.end(), data.user_begin(user));
    random.shuffle(own);
    for (const std::uint32_t position : own) {
      if (dealt++ % fold.folds == fold.fold) test.push_back(position);
    }
  }
  return ascending(data.size(), test);
}

Positions leave_last_out_test(const Interactions& data, std::uint32_t count) {
  require_timestamps(data);
  Positions test, own;
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    own.resize(data.user_end(user) - data.user_begin(user));
    if (own.size() <= count) continue;
    std::iota(own.begin(), own.end(), data.user_begin(user));
    keep_latest(data, own, count);
    test.insert(test.end(), own.begin(), own.end());
  }
  return ascending(data.size(), test);
}

Positions time_test(const Interactions& data, double test_fraction) {
  require_range(test_fraction, 0.0, 1.0, "testFraction");
  require_timestamps(data);
  Positions test = all_positions(data.size());
  keep_latest(data, test, share_of(test.size(), test_fraction));
  return ascending(data.size(), test);
}

Positions rows_test(const Interactions& data, std::span<const std::uint32_t> rows) {
  std::vector<char> wanted(data.source_size());
  for (std::size_t k = 0; k < rows.size(); ++k) {
    if (rows[k] >= data.source_size()) {
      fail(ErrorCode::out_of_range, "testRows",
           {"testRows[", k, "] must be below ", data.source_size(),
            ", the number of rows given; got ", rows[k]});
    }
    wanted[rows[k]] = 1;
  }
  Positions test;
  for (std::uint32_t position = 0; position < data.size(); ++position) {
    if (wanted[data.source_row_at(position)]) test.push_back(position);
  }
  return test;
}

TrainTest split_at(const Interactions& data, const Positions& test) {
  Interactions held_out = data.subset(test);  // first: it checks the positions
  std::vector<char> in_test(data.size());
  for (const std::uint32_t position : test) in_test[position] = 1;
  Positions train;
  train.reserve(data.size() - test.size());
  for (std::uint32_t position = 0; position < data.size(); ++position) {
    if (!in_test[position]) train.push_back(position);
  }
  return {data.subset(train), std::move(held_out)};
}

}  // namespace featherfm
