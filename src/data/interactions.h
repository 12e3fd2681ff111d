// Who met what: users, items, values (ratings), optional weights and timestamps.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace featherfm {

// Interaction lists as they come from the caller: entry k of each describes interaction k.
struct Coordinates {
  std::span<const std::uint32_t> users;  // each below the number of users
  std::span<const std::uint32_t> items;  // each below the number of items
  std::span<const float> values;         // finite; empty: all 1
  std::span<const float> weights;        // finite, >= 0; empty: all 1
  std::span<const double> timestamps;    // finite; empty: none
  // Row of each interaction in the tables of the context's features (data/features.h); empty: none.
  std::span<const std::uint32_t> contexts = {};
};

// What to do with a (user, item) pair that occurs twice.
enum class Duplicates {
  keep_last,  // the latest timestamp; without timestamps, and on a tie, the later row
  sum,        // values added up, the larger weight, the latest timestamp
  error,
};

// Immutable once built. Held by user in compressed rows (CSR): the entries of user u are the
// positions [user_begin(u), user_begin(u + 1)), their items ascending. 12 bytes per interaction,
// plus 4 for weights, 8 for timestamps and 4 for contexts where they are given.
class Interactions {
 public:
  // Errors: size_mismatch, out_of_range (an index), not_finite, out_of_range (a weight < 0),
  // duplicate.
  static Interactions from_coordinates(std::uint32_t users, std::uint32_t items,
                                       const Coordinates& input,
                                       Duplicates duplicates = Duplicates::keep_last);

  // The entries at these positions, each at most once, over the same users and items.
  Interactions subset(std::span<const std::uint32_t> positions) const;

  // The same entries under other indices: user u becomes user_map[u], item i becomes item_map[i].
  // The maps must be one-to-one. Entries whose user or item maps to `dropped` are left out.
  // Source rows count anew, in order of user and item.
  static constexpr std::uint32_t dropped = 0xffffffffu;
  Interactions remapped(std::uint32_t users, std::uint32_t items,
                        std::span<const std::uint32_t> user_map,
                        std::span<const std::uint32_t> item_map) const;

  std::uint32_t users() const { return static_cast<std::uint32_t>(offsets_.size() - 1); }
  std::uint32_t items() const { return items_count_; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(items_.size()); }

  std::uint32_t user_begin(std::uint32_t user) const { return offsets_[user]; }
  std::uint32_t user_end(std::uint32_t user) const { return offsets_[user + 1]; }
  std::span<const std::uint32_t> items_of(std::uint32_t user) const {
    return std::span(items_).subspan(offsets_[user], offsets_[user + 1] - offsets_[user]);
  }

  std::uint32_t item_at(std::uint32_t position) const { return items_[position]; }
  float value_at(std::uint32_t position) const { return values_[position]; }
  float weight_at(std::uint32_t position) const {
    return weights_.empty() ? 1.0f : weights_[position];
  }
  double timestamp_at(std::uint32_t position) const { return timestamps_[position]; }
  std::uint32_t context_at(std::uint32_t position) const { return contexts_[position]; }
  // The row of the caller's lists this entry came from (the last of them, where duplicates were
  // summed).
  std::uint32_t source_row_at(std::uint32_t position) const { return source_rows_[position]; }
  // Number of rows in the caller's lists.
  std::uint32_t source_size() const { return source_size_; }

  bool has_weights() const { return !weights_.empty(); }
  bool has_timestamps() const { return !timestamps_.empty(); }
  bool has_contexts() const { return !contexts_.empty(); }
  std::span<const std::uint32_t> offsets() const { return offsets_; }
  std::span<const std::uint32_t> item_indices() const { return items_; }
  std::span<const float> values() const { return values_; }

  // Smallest and largest value; 0, 0 when there is no entry.
  struct Range {
    float low = 0, high = 0;
  };
  Range value_range() const { return range_; }

  // Mean of the values by their weights; 0 when there is no weight.
  double weighted_mean() const { return weighted_mean_; }

  // Number of entries of each item.
  const std::vector<std::uint32_t>& item_counts() const { return item_counts_; }

 private:
  Interactions() = default;
  // Fills in what follows from the entries: trainers ask for it, and at ten million entries each
  // pass is a noticeable wait.
  void summarize();

  Range range_;
  double weighted_mean_ = 0;
  std::vector<std::uint32_t> item_counts_;
  std::uint32_t items_count_ = 0, source_size_ = 0;
  std::vector<std::uint32_t> offsets_{0};  // users + 1
  std::vector<std::uint32_t> items_, source_rows_, contexts_;
  std::vector<float> values_, weights_;
  std::vector<double> timestamps_;
};

// The same entries by item: entries of item i are [begin(i), begin(i + 1)), their users ascending.
// `position` leads back to the value in the Interactions. 8 bytes per interaction.
struct ByItem {
  explicit ByItem(const Interactions& interactions);

  std::vector<std::uint32_t> offsets;  // items + 1
  std::vector<std::uint32_t> users, positions;
};

}  // namespace featherfm
