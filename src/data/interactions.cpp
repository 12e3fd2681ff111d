#include "data/interactions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"

namespace featherfm {
namespace {

void check_indices(std::span<const std::uint32_t> indices, std::uint32_t count,
                   const char* argument) {
  for (std::size_t k = 0; k < indices.size(); ++k) {
    if (indices[k] < count) continue;
    throw Error(ErrorCode::out_of_range, argument,
                std::string(argument) + "[" + show(k) + "] must be below " + show(count) +
                    "; got " + show(indices[k]));
  }
}

template <class T>
void check_finite(std::span<const T> values, const char* argument) {
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (std::isfinite(values[k])) continue;
    throw Error(ErrorCode::not_finite, argument,
                std::string(argument) + "[" + show(k) + "] must be finite; got " + show(values[k]));
  }
}

void check(std::uint32_t users, std::uint32_t items, const Coordinates& input) {
  const std::size_t size = input.users.size();
  if (size > std::numeric_limits<std::uint32_t>::max() - 1) {
    throw Error(ErrorCode::out_of_range, "users", "at most 4294967294 interactions are possible");
  }
  require_same_size(input.items.size(), size, "items");
  if (!input.values.empty()) require_same_size(input.values.size(), size, "ratings");
  if (!input.weights.empty()) require_same_size(input.weights.size(), size, "weights");
  if (!input.timestamps.empty()) require_same_size(input.timestamps.size(), size, "timestamps");
  check_indices(input.users, users, "users");
  check_indices(input.items, items, "items");
  check_finite(input.values, "ratings");
  check_finite(input.weights, "weights");
  check_finite(input.timestamps, "timestamps");
  for (std::size_t k = 0; k < input.weights.size(); ++k) {
    if (input.weights[k] >= 0) continue;
    throw Error(ErrorCode::out_of_range, "weights",
                "weights[" + show(k) + "] must not be negative; got " + show(input.weights[k]));
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

Interactions Interactions::from_coordinates(std::uint32_t users, std::uint32_t items,
                                            const Coordinates& input, Duplicates duplicates) {
  check(users, items, input);
  Interactions result;
  result.items_count_ = items;
  result.source_size_ = static_cast<std::uint32_t>(input.users.size());

  // Rows in order of user, kept in input order within a user (counting sort).
  auto& rows = result.source_rows_;
  auto& offsets = result.offsets_;
  offsets.assign(std::size_t{users} + 1, 0);
  for (const std::uint32_t user : input.users) ++offsets[user + 1];
  accumulate(offsets);
  rows.resize(input.users.size());
  {
    std::vector<std::uint32_t> next(offsets.begin(), offsets.end() - 1);
    for (std::uint32_t row = 0; row < rows.size(); ++row) rows[next[input.users[row]]++] = row;
  }

  // Within a user by item; equal items by time, then by row, so that the one to keep comes last.
  const auto earlier = [&](std::uint32_t a, std::uint32_t b) {
    if (input.items[a] != input.items[b]) return input.items[a] < input.items[b];
    if (!input.timestamps.empty() && input.timestamps[a] != input.timestamps[b]) {
      return input.timestamps[a] < input.timestamps[b];
    }
    return a < b;
  };
  // `write` never overtakes the reading position, so duplicates are squeezed out in place.
  std::uint32_t write = 0;
  std::vector<double> sums;          // of duplicates, filled only for Duplicates::sum
  std::vector<float> largest_weight;
  for (std::uint32_t user = 0; user < users; ++user) {
    const std::uint32_t begin = offsets[user], end = offsets[user + 1];
    std::ranges::sort(std::span(rows).subspan(begin, end - begin), earlier);
    offsets[user] = write;
    for (std::uint32_t read = begin; read < end; ++read) {
      const std::uint32_t row = rows[read];
      const bool repeated = write > offsets[user] && input.items[rows[write - 1]] == input.items[row];
      if (repeated && duplicates == Duplicates::error) {
        throw Error(ErrorCode::duplicate, "items",
                    "rows " + show(std::min(rows[write - 1], row)) + " and " +
                        show(std::max(rows[write - 1], row)) +
                        " hold the same user and item; allow it with duplicates \"last\" or "
                        "\"sum\", or remove one");
      }
      if (duplicates == Duplicates::sum) {
        const double value = input.values.empty() ? 1 : double{input.values[row]};
        const float weight = input.weights.empty() ? 1.0f : input.weights[row];
        if (repeated) {
          sums.back() += value;
          largest_weight.back() = std::max(largest_weight.back(), weight);
        } else {
          sums.push_back(value);
          largest_weight.push_back(weight);
        }
      }
      rows[repeated ? write - 1 : write++] = row;
    }
  }
  offsets[users] = write;
  rows.resize(write);

  result.items_.reserve(write);
  result.values_.reserve(write);
  for (std::uint32_t position = 0; position < write; ++position) {
    const std::uint32_t row = rows[position];
    result.items_.push_back(input.items[row]);
    result.values_.push_back(duplicates == Duplicates::sum ? static_cast<float>(sums[position])
                             : input.values.empty()        ? 1.0f
                                                           : input.values[row]);
  }
  if (duplicates == Duplicates::sum) check_finite(std::span<const float>(result.values_), "ratings");
  if (!input.weights.empty()) {
    if (duplicates == Duplicates::sum) {
      result.weights_ = std::move(largest_weight);
    } else {
      result.weights_.reserve(write);
      for (const std::uint32_t row : rows) result.weights_.push_back(input.weights[row]);
    }
  }
  if (!input.timestamps.empty()) {
    result.timestamps_.reserve(write);
    for (const std::uint32_t row : rows) result.timestamps_.push_back(input.timestamps[row]);
  }
  return result;
}

Interactions Interactions::subset(std::span<const std::uint32_t> positions) const {
  std::vector<bool> chosen(size());
  for (const std::uint32_t position : positions) {
    require_range<std::uint32_t>(position, 0, size() - 1, "positions");
    chosen[position] = true;
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
  return from_coordinates(users_after, items_after,
                          {new_users, new_items, values, weights, timestamps}, Duplicates::error);
}

Interactions::Range Interactions::value_range() const {
  if (values_.empty()) return {};
  const auto [low, high] = std::minmax_element(values_.begin(), values_.end());
  return {*low, *high};
}

std::vector<std::uint32_t> Interactions::item_counts() const {
  std::vector<std::uint32_t> counts(items_count_);
  for (const std::uint32_t item : items_) ++counts[item];
  return counts;
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
