// Whether a user has met an item, asked millions of times by samplers of negatives.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "data/seen_items.h"

namespace featherfm {

// Every user's items in ascending order, and before them a small table of bits: the bit of an
// item's remainder is set where any of the user's items has that remainder. With eight to sixteen
// bits per item most questions end at a bit that is not set. 5 to 6 bytes per (user, item) pair.
class KnownItems {
 public:
  explicit KnownItems(SeenItems seen) : seen_(std::move(seen)) {
    const std::size_t users = seen_.offsets.size() - 1;
    tables_.reserve(users);
    for (std::uint32_t user = 0; user < users; ++user) {
      std::uint32_t* const all = seen_.items.data();
      std::uint32_t *const begin = all + seen_.offsets[user], *const end =
                                                                  all + seen_.offsets[user + 1];
      if (!std::is_sorted(begin, end)) {  // two trainings after one another
        std::make_heap(begin, end);
        std::sort_heap(begin, end);
      }
      const auto count = static_cast<std::uint32_t>(end - begin);
      const std::uint32_t size = std::bit_ceil(std::max(64u, 8 * std::min(count, 1u << 28)));
      const auto first = static_cast<std::uint32_t>(words_.size());
      tables_.push_back({first, size - 1});
      words_.resize(words_.size() + size / 64);
      for (const std::uint32_t* item = begin; item != end; ++item) {
        const std::uint32_t bit = *item & (size - 1);
        words_[first + bit / 64] |= std::uint64_t{1} << (bit % 64);
      }
    }
  }

  // `user` must be one of those given.
  bool has(std::uint32_t user, std::uint32_t item) const {
    const Table table = tables_[user];
    const std::uint32_t bit = item & table.mask;
    if ((words_[table.first + bit / 64] >> (bit % 64) & 1) == 0) return false;
    const auto items = seen_.of(user);
    return std::binary_search(items.begin(), items.end(), item);
  }

  // Whether the user has met every one of `items` items.
  bool has_all(std::uint32_t user, std::uint32_t items) const {
    return seen_.of(user).size() >= items && count_distinct(user) >= items;
  }

 private:
  struct Table {
    std::uint32_t first, mask;
  };

  std::size_t count_distinct(std::uint32_t user) const {
    const auto items = seen_.of(user);
    std::size_t distinct = 0;
    for (std::size_t k = 0; k < items.size(); ++k) distinct += k == 0 || items[k] != items[k - 1];
    return distinct;
  }

  SeenItems seen_;
  std::vector<Table> tables_;  // of each user
  std::vector<std::uint64_t> words_;
};

}  // namespace featherfm
