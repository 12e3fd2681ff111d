#include "data/interactions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace featherfm {
namespace {

void check_indices(std::span<const std::uint32_t> indices, std::uint32_t count,
                   const char* argument) {
  for (std::size_t k = 0; k < indices.size(); ++k) {
    if (indices[k] < count) continue;
    fail(ErrorCode::out_of_range, argument,
         {argument, "[", k, "] must be below ", count, "; got ", indices[k]});
  }
}

template <class T>
void check_finite(std::span<const T> values, const char* argument) {
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (std::isfinite(values[k])) continue;
    fail(ErrorCode::not_finite, argument,
         {argument, "[", k, "] must be finite; got ", double{values[k]}});
  }
}

void check(std::uint32_t users, std::uint32_t items, const Coordinates& input) {
  constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max() - 1;
  require_range<std::uint32_t>(users, 0, most, "users");  // one more offset than users has to fit
  require_range<std::uint32_t>(items, 0, most, "items");
  const std::size_t size = input.users.size();
  if (size > std::numeric_limits<std::uint32_t>::max() - 1) {
    fail(ErrorCode::out_of_range, "users", {"at most 4294967294 interactions are possible"});
  }
  require_same_size(input.items.size(), size, "items");
  if (!input.values.empty()) require_same_size(input.values.size(), size, "ratings");
  if (!input.weights.empty()) require_same_size(input.weights.size(), size, "weights");
  if (!input.timestamps.empty()) require_same_size(input.timestamps.size(), size, "timestamps");
  if (!input.contexts.empty()) require_same_size(input.contexts.size(), size, "contexts");
  check_indices(input.users, users, "users");
  check_indices(input.items, items, "items");
  check_finite(input.values, "ratings");
  check_finite(input.weights, "weights");
  check_finite(input.timestamps, "timestamps");
  for (std::size_t k = 0; k < input.weights.size(); ++k) {
    if (input.weights[k] >= 0) continue;
    fail(ErrorCode::out_of_range, "weights",
         {"weights[", k, "] must not be negative; got ", double{input.weights[k]}});
  }
}

// Turns counts at [i + 1] into starts at [i].
void accumulate(std::vector<std::uint32_t>& offsets) {
  for (std::size_t i = 1; i < offsets.size(); ++i) offsets[i] += offsets[i - 1];
}

template <class T>
std::vector<T> gather(const std::vector<T>& values, std::span<const std::uint32_t> positions) {
  std::vector<T> result;
  if (values.empty()) return result;
  result.reserve(positions.size());
  for (const std::uint32_t position : positions) result.push_back(values[position]);
  return result;
}

}  // namespace

namespace {

// Rows in order of `keys`, equal keys in the order of `rows` (counting sort). Returns where each
// key begins.
std::vector<std::uint32_t> sort_rows(std::vector<std::uint32_t>& rows,
                                     std::span<const std::uint32_t> keys, std::uint32_t key_count) {
  std::vector<std::uint32_t> offsets(std::size_t{key_count} + 1);
  for (const std::uint32_t row : rows) ++offsets[keys[row] + 1];
  accumulate(offsets);
  std::vector<std::uint32_t> next(offsets.begin(), offsets.end() - 1), sorted(rows.size());
  for (const std::uint32_t row : rows) sorted[next[keys[row]]++] = row;
  rows = std::move(sorted);
  return offsets;
}

}  // namespace

Interactions Interactions::from_coordinates(std::uint32_t users, std::uint32_t items,
                                            const Coordinates& input, Duplicates duplicates) {
  check(users, items, input);
  Interactions result;
  result.items_count_ = items;
  result.source_size_ = static_cast<std::uint32_t>(input.users.size());

  // By item, then by user, both stable: users ascending, items ascending within them, input order
  // within duplicates.
  auto& rows = result.source_rows_;
  auto& offsets = result.offsets_;
  rows.resize(input.users.size());
  std::iota(rows.begin(), rows.end(), 0u);
  sort_rows(rows, input.items, items);
  offsets = sort_rows(rows, input.users, users);

  const auto later = [&](std::uint32_t row, std::uint32_t than) {
    return input.timestamps.empty() || input.timestamps[row] >= input.timestamps[than];
  };
  const auto value = [&](std::uint32_t row) {
    return input.values.empty() ? 1.0f : input.values[row];
  };
  std::vector<double> sums;  // of duplicates, in double: many small values add up

  // `write` never overtakes the reading position, so duplicates are squeezed out in place.
  std::uint32_t write = 0;
  result.items_.reserve(rows.size());
  result.values_.reserve(rows.size());
  for (std::uint32_t user = 0; user < users; ++user) {
    const std::uint32_t begin = offsets[user], end = offsets[user + 1];
    offsets[user] = write;
    for (std::uint32_t read = begin; read < end; ++read) {
      const std::uint32_t row = rows[read];
      const std::uint32_t item = input.items[row];
      const float weight = input.weights.empty() ? 1.0f : input.weights[row];
      if (write > offsets[user] && result.items_[write - 1] == item) {
        std::uint32_t& kept = rows[write - 1];
        if (duplicates == Duplicates::error) {
          fail(ErrorCode::duplicate, "items",
               {"rows ", kept, " and ", row,
                " hold the same user and item; allow it with duplicates \"last\" or \"sum\", or "
                "remove one"});
        }
        if (duplicates == Duplicates::sum) {
          sums.back() += value(row);
          result.values_[write - 1] = static_cast<float>(sums.back());
          if (!input.weights.empty()) {
            result.weights_[write - 1] = std::max(result.weights_[write - 1], weight);
          }
        }
        if (later(row, kept)) {
          kept = row;
          if (duplicates == Duplicates::keep_last) {
            result.values_[write - 1] = value(row);
            if (!input.weights.empty()) result.weights_[write - 1] = weight;
          }
        }
        continue;
      }
      rows[write++] = row;
      result.items_.push_back(item);
      result.values_.push_back(value(row));
      if (!input.weights.empty()) result.weights_.push_back(weight);
      if (duplicates == Duplicates::sum) sums.push_back(value(row));
    }
  }
  offsets[users] = write;
  rows.resize(write);
  if (duplicates == Duplicates::sum)
    check_finite(std::span<const float>(result.values_), "ratings");
  if (!input.timestamps.empty()) {
    result.timestamps_.reserve(write);
    for (const std::uint32_t row : rows) result.timestamps_.push_back(input.timestamps[row]);
  }
  if (!input.contexts.empty()) {
    result.contexts_.reserve(write);
    for (const std::uint32_t row : rows) result.contexts_.push_back(input.contexts[row]);
  }
  result.summarize();
  return result;
}

Interactions Interactions::subset(std::span<const std::uint32_t> positions) const {
  std::vector<char> chosen(size());
  for (const std::uint32_t position : positions) {
    if (position >= size()) {
      fail(ErrorCode::out_of_range, "positions",
           {"positions must be below ", size(), "; got ", position});
    }
    chosen[position] = 1;
  }
  Interactions result;
  result.items_count_ = items_count_;
  result.source_size_ = source_size_;
  result.offsets_.assign(offsets_.size(), 0);
  std::vector<std::uint32_t> ordered;
  ordered.reserve(positions.size());
  for (std::uint32_t user = 0; user < users(); ++user) {
    for (std::uint32_t position = offsets_[user]; position < offsets_[user + 1]; ++position) {
      if (chosen[position]) ordered.push_back(position);
    }
    result.offsets_[user + 1] = static_cast<std::uint32_t>(ordered.size());
  }
  result.items_ = gather(items_, ordered);
  result.source_rows_ = gather(source_rows_, ordered);
  result.values_ = gather(values_, ordered);
  result.weights_ = gather(weights_, ordered);
  result.timestamps_ = gather(timestamps_, ordered);
  result.contexts_ = gather(contexts_, ordered);
  result.summarize();
  return result;
}

Interactions Interactions::remapped(std::uint32_t users_after, std::uint32_t items_after,
                                    std::span<const std::uint32_t> user_map,
                                    std::span<const std::uint32_t> item_map) const {
  require_same_size(user_map.size(), users(), "user_map");
  require_same_size(item_map.size(), items(), "item_map");
  std::vector<std::uint32_t> new_users, new_items, kept;
  for (std::uint32_t user = 0; user < users(); ++user) {
    if (user_map[user] == dropped) continue;
    for (std::uint32_t position = offsets_[user]; position < offsets_[user + 1]; ++position) {
      if (item_map[items_[position]] == dropped) continue;
      new_users.push_back(user_map[user]);
      new_items.push_back(item_map[items_[position]]);
      kept.push_back(position);
    }
  }
  const auto values = gather(values_, kept);
  const auto weights = gather(weights_, kept);
  const auto timestamps = gather(timestamps_, kept);
  const auto contexts = gather(contexts_, kept);
  return from_coordinates(users_after, items_after,
                          {new_users, new_items, values, weights, timestamps, contexts},
                          Duplicates::error);
}

void Interactions::summarize() {
  double sum = 0, weight = 0;
  item_counts_.assign(items_count_, 0);
  if (!values_.empty()) range_ = {values_.front(), values_.front()};
  for (std::uint32_t position = 0; position < size(); ++position) {
    const float value = values_[position];
    range_ = {std::min(range_.low, value), std::max(range_.high, value)};
    sum += double{weight_at(position)} * double{value};
    weight += weight_at(position);
    ++item_counts_[items_[position]];
  }
  weighted_mean_ = weight > 0 ? sum / weight : 0;
}

ByItem::ByItem(const Interactions& interactions)
    : offsets(std::size_t{interactions.items()} + 1),
      users(interactions.size()),
      positions(interactions.size()) {
  for (const std::uint32_t item : interactions.item_indices()) ++offsets[item + 1];
  accumulate(offsets);
  std::vector<std::uint32_t> next(offsets.begin(), offsets.end() - 1);
  for (std::uint32_t user = 0; user < interactions.users(); ++user) {
    for (std::uint32_t position = interactions.user_begin(user);
         position < interactions.user_end(user); ++position) {
      const std::uint32_t slot = next[interactions.item_at(position)]++;
      users[slot] = user;
      positions[slot] = position;
    }
  }
}

}  // namespace featherfm
