#include "data/interactions.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <vector>

#include "data/seen_items.h"
#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

// Lists that a test may damage before it hands them over.
struct Lists {
  Indices users{0, 2, 0, 2}, items{1, 0, 0, 2};
  std::vector<float> values{5, 3, 4, 1}, weights{};
  std::vector<double> timestamps{};

  Interactions build(Duplicates duplicates = Duplicates::keep_last) const {
    return Interactions::from_coordinates(3, 3, {users, items, values, weights, timestamps},
                                          duplicates);
  }
};

// User 0 rates item 1 three times, and item 0 in between.
Lists with_duplicates() {
  Lists lists;
  lists.users = {0, 0, 0, 0};
  lists.items = {1, 1, 0, 1};
  lists.values = {2, 4, 3, 1};
  return lists;
}

bool same_entries(const Interactions& a, const Interactions& b) {
  if (a.users() != b.users() || a.items() != b.items() || a.size() != b.size()) return false;
  if (!std::ranges::equal(a.offsets(), b.offsets())) return false;
  if (!std::ranges::equal(a.item_indices(), b.item_indices())) return false;
  if (a.has_weights() != b.has_weights() || a.has_timestamps() != b.has_timestamps()) return false;
  for (std::uint32_t p = 0; p < a.size(); ++p) {
    if (a.value_at(p) != b.value_at(p) || a.weight_at(p) != b.weight_at(p)) return false;
    if (a.has_timestamps() && a.timestamp_at(p) != b.timestamp_at(p)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("interactions are held by user, items ascending") {
  const Interactions data = Lists().build();
  CHECK(data.users() == 3);
  CHECK(data.items() == 3);
  CHECK(data.size() == 4);
  CHECK(data.source_size() == 4);
  CHECK(std::ranges::equal(data.offsets(), Indices{0, 2, 2, 4}));
  CHECK(std::ranges::equal(data.items_of(0), Indices{0, 1}));
  CHECK(data.items_of(1).empty());
  CHECK(std::ranges::equal(data.items_of(2), Indices{0, 2}));
  CHECK(data.value_at(data.user_begin(0)) == 4);
  CHECK(data.value_at(data.user_end(2) - 1) == 1);
  CHECK(data.source_row_at(0) == 2);
  CHECK(data.source_row_at(1) == 0);
  CHECK(data.item_counts() == Indices{2, 1, 1});
  CHECK(data.value_range().low == 1);
  CHECK(data.value_range().high == 5);
}

TEST_CASE("without values and weights every interaction counts 1") {
  Lists lists;
  lists.values.clear();
  const Interactions data = lists.build();
  CHECK_FALSE(data.has_weights());
  CHECK_FALSE(data.has_timestamps());
  for (std::uint32_t p = 0; p < data.size(); ++p) {
    CHECK(data.value_at(p) == 1);
    CHECK(data.weight_at(p) == 1);
  }
}

TEST_CASE("weights and timestamps follow their interaction") {
  Lists lists;
  lists.weights = {0.5f, 0, 2, 1};
  lists.timestamps = {10, 20, 30, 40};
  const Interactions data = lists.build();
  for (std::uint32_t p = 0; p < data.size(); ++p) {
    CHECK(data.weight_at(p) == lists.weights[data.source_row_at(p)]);
    CHECK(data.timestamp_at(p) == lists.timestamps[data.source_row_at(p)]);
  }
}

TEST_CASE("a duplicate keeps the latest rating") {
  Lists lists = with_duplicates();
  SECTION("by row when there are no timestamps") {
    const Interactions data = lists.build();
    CHECK(data.size() == 2);
    CHECK(data.value_at(1) == 1);
    CHECK(data.source_row_at(1) == 3);
    CHECK(data.source_size() == 4);
  }
  SECTION("by timestamp when there are") {
    lists.timestamps = {10, 30, 5, 20};
    lists.weights = {1, 2, 3, 4};
    const Interactions data = lists.build();
    CHECK(data.size() == 2);
    CHECK(data.value_at(1) == 4);
    CHECK(data.weight_at(1) == 2);
    CHECK(data.timestamp_at(1) == 30);
    CHECK(data.source_row_at(1) == 1);
  }
  SECTION("by row where timestamps are equal") {
    lists.timestamps = {30, 30, 5, 20};
    CHECK(lists.build().value_at(1) == 4);
  }
}

TEST_CASE("duplicates can be summed: values added, the larger weight, the latest time") {
  Lists lists = with_duplicates();
  lists.weights = {1, 3, 9, 2};
  lists.timestamps = {10, 30, 5, 20};
  const Interactions data = lists.build(Duplicates::sum);
  CHECK(data.size() == 2);
  CHECK(data.value_at(0) == 3);
  CHECK(data.weight_at(0) == 9);
  CHECK(data.value_at(1) == 2 + 4 + 1);
  CHECK(data.weight_at(1) == 3);
  CHECK(data.timestamp_at(1) == 30);
  CHECK(data.source_row_at(1) == 1);
}

TEST_CASE("summed duplicates without values are counts") {
  Lists lists = with_duplicates();
  lists.values.clear();
  const Interactions data = lists.build(Duplicates::sum);
  CHECK(data.value_at(0) == 1);
  CHECK(data.value_at(1) == 3);
}

TEST_CASE("a sum of duplicates that overflows is refused") {
  Lists lists = with_duplicates();
  lists.values.assign(4, 3e38f);
  CHECK(error_of([&] { lists.build(Duplicates::sum); }) == "NOT_FINITE ratings");
}

TEST_CASE("a duplicate is refused where it was to be, and the message names both rows") {
  const Lists lists = with_duplicates();
  CHECK(error_of([&] { lists.build(Duplicates::error); }) == "DUPLICATE items");
  try {
    lists.build(Duplicates::error);
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("rows 0 and 1") != std::string::npos);
  }
  CHECK(error_of([] { Lists().build(Duplicates::error); }) == "nothing");
}

TEST_CASE("lists of different lengths are refused") {
  Lists lists;
  SECTION("items") {
    lists.items.pop_back();
    CHECK(error_of([&] { lists.build(); }) == "SIZE_MISMATCH items");
  }
  SECTION("ratings") {
    lists.values.push_back(1);
    CHECK(error_of([&] { lists.build(); }) == "SIZE_MISMATCH ratings");
  }
  SECTION("weights") {
    lists.weights = {1};
    CHECK(error_of([&] { lists.build(); }) == "SIZE_MISMATCH weights");
  }
  SECTION("timestamps") {
    lists.timestamps = {1, 2, 3};
    CHECK(error_of([&] { lists.build(); }) == "SIZE_MISMATCH timestamps");
  }
}

TEST_CASE("indices beyond the users and items are refused, with the place in the message") {
  Lists lists;
  SECTION("users") {
    lists.users[1] = 3;
    CHECK(error_of([&] { lists.build(); }) == "OUT_OF_RANGE users");
  }
  SECTION("items") {
    lists.items[3] = 0xffffffff;
    CHECK(error_of([&] { lists.build(); }) == "OUT_OF_RANGE items");
    try {
      lists.build();
    } catch (const Error& error) {
      CHECK(std::string(error.what()) == "items[3] must be below 3; got 4294967295");
    }
  }
}

TEST_CASE("numbers that are not finite are refused") {
  for (const float bad : {not_a_number, infinity, -infinity}) {
    Lists lists;
    SECTION("ratings " + std::to_string(bad)) {
      lists.values[2] = bad;
      CHECK(error_of([&] { lists.build(); }) == "NOT_FINITE ratings");
      CHECK(error_of([&] { lists.build(Duplicates::sum); }) == "NOT_FINITE ratings");
    }
    SECTION("weights " + std::to_string(bad)) {
      lists.weights = {1, 1, bad, 1};
      CHECK(error_of([&] { lists.build(); }) == "NOT_FINITE weights");
    }
    SECTION("timestamps " + std::to_string(bad)) {
      lists.timestamps = {1, 2, 3, bad};
      CHECK(error_of([&] { lists.build(); }) == "NOT_FINITE timestamps");
    }
  }
}

TEST_CASE("a negative weight is refused, a weight of zero is not") {
  Lists lists;
  lists.weights = {0, 0, 0, 0};
  CHECK(error_of([&] { lists.build(); }) == "nothing");
  lists.weights[0] = -1e-30f;
  CHECK(error_of([&] { lists.build(); }) == "OUT_OF_RANGE weights");
}

TEST_CASE("no interaction at all is a valid set of interactions") {
  const Interactions none = Interactions::from_coordinates(2, 3, {});
  CHECK(none.size() == 0);
  CHECK(none.users() == 2);
  CHECK(none.items_of(1).empty());
  CHECK(none.item_counts() == Indices{0, 0, 0});
  CHECK(none.value_range().low == 0);
  CHECK(none.value_range().high == 0);
  CHECK(ByItem(none).offsets == Indices{0, 0, 0, 0});
  CHECK(none.subset({}).size() == 0);

  const Interactions nobody = Interactions::from_coordinates(0, 0, {});
  CHECK(nobody.users() == 0);
  CHECK(nobody.subset({}).users() == 0);
}

TEST_CASE("a subset holds the chosen entries, each once, over the same users and items") {
  Lists lists;
  lists.weights = {0.5f, 0, 2, 1};
  lists.timestamps = {10, 20, 30, 40};
  const Interactions data = lists.build();
  const Interactions part = data.subset(Indices{3, 0, 3});
  CHECK(part.users() == 3);
  CHECK(part.items() == 3);
  CHECK(part.size() == 2);
  CHECK(part.source_size() == 4);
  CHECK(part.value_at(0) == data.value_at(0));
  CHECK(part.source_row_at(0) == data.source_row_at(0));
  CHECK(part.item_at(1) == data.item_at(3));
  CHECK(part.value_at(1) == data.value_at(3));
  CHECK(part.weight_at(1) == data.weight_at(3));
  CHECK(part.timestamp_at(1) == data.timestamp_at(3));
  CHECK(same_entries(data.subset(Indices{2, 1, 0, 3}), data));
}

TEST_CASE("a subset at positions that are not there is refused") {
  const Interactions data = Lists().build();
  CHECK(error_of([&] { data.subset(Indices{4}); }) == "OUT_OF_RANGE positions");
}

TEST_CASE("a position in an empty set of interactions is refused as well") {
  const Interactions none = Interactions::from_coordinates(2, 3, {});
  CHECK(error_of([&] { none.subset(Indices{0}); }) == "OUT_OF_RANGE positions");
}

TEST_CASE("remapping renames users and items, drops entries, and back again gives the same") {
  Lists lists;
  lists.weights = {0.5f, 0, 2, 1};
  lists.timestamps = {10, 20, 30, 40};
  const Interactions data = lists.build();
  const Indices users{2, 0, 1}, items{1, 2, 0};
  const Indices users_back{1, 2, 0}, items_back{2, 0, 1};

  const Interactions renamed = data.remapped(3, 3, users, items);
  CHECK(renamed.size() == 4);
  CHECK(std::ranges::equal(renamed.items_of(2), Indices{1, 2}));
  CHECK(renamed.value_at(renamed.user_begin(2)) == 4);
  CHECK(same_entries(renamed.remapped(3, 3, users_back, items_back), data));

  const Interactions fewer =
      data.remapped(1, 3, Indices{Interactions::dropped, Interactions::dropped, 0},
                    Indices{0, 1, Interactions::dropped});
  CHECK(fewer.users() == 1);
  CHECK(fewer.size() == 1);
  CHECK(fewer.value_at(0) == 3);

  const Interactions wider = data.remapped(10, 20, Indices{9, 1, 2}, Indices{0, 19, 5});
  CHECK(std::ranges::equal(wider.items_of(9), Indices{0, 19}));
}

TEST_CASE("maps that do not fit the interactions are refused") {
  const Interactions data = Lists().build();
  const Indices same{0, 1, 2};
  CHECK(error_of([&] { data.remapped(3, 3, Indices{0, 1}, same); }) == "SIZE_MISMATCH user_map");
  CHECK(error_of([&] { data.remapped(3, 3, same, Indices{}); }) == "SIZE_MISMATCH item_map");
  CHECK(error_of([&] { data.remapped(2, 3, same, same); }) == "OUT_OF_RANGE users");
  CHECK(error_of([&] { data.remapped(3, 2, same, same); }) == "OUT_OF_RANGE items");
  CHECK(error_of([&] { data.remapped(3, 3, Indices{0, 1, 0}, same); }) == "DUPLICATE items");
}

TEST_CASE("the view by item holds every entry once, users ascending") {
  const Interactions data = interactions(30, 20, synthetic_ratings(30, 20, 200, 3));
  const ByItem by_item(data);
  REQUIRE(by_item.offsets.size() == 21);
  CHECK(by_item.offsets.back() == data.size());
  std::vector<int> met(data.size());
  for (std::uint32_t item = 0; item < data.items(); ++item) {
    for (std::uint32_t k = by_item.offsets[item]; k < by_item.offsets[item + 1]; ++k) {
      const std::uint32_t position = by_item.positions[k], user = by_item.users[k];
      ++met[position];
      CHECK(data.item_at(position) == item);
      CHECK((data.user_begin(user) <= position && position < data.user_end(user)));
      if (k > by_item.offsets[item]) CHECK(by_item.users[k - 1] < user);
    }
    CHECK(by_item.offsets[item + 1] - by_item.offsets[item] == data.item_counts()[item]);
  }
  CHECK(std::ranges::all_of(met, [](int times) { return times == 1; }));
}

TEST_CASE("seen items answer for users that are not there, and can be joined") {
  const SeenItems seen(Lists().build());
  CHECK(std::ranges::equal(seen.of(0), Indices{0, 1}));
  CHECK(seen.of(1).empty());
  CHECK(seen.of(3).empty());
  CHECK(seen.of(0xfffffffe).empty());
  CHECK(SeenItems().of(0).empty());

  const SeenItems more(interactions(5, 9, {{0, 8}, {4, 7}}));
  for (const SeenItems& joined : {SeenItems::joined(seen, more), SeenItems::joined(more, seen)}) {
    CHECK(joined.of(0).size() == 3);
    CHECK(joined.of(2).size() == 2);
    CHECK(std::ranges::equal(joined.of(4), Indices{7}));
    CHECK(joined.of(5).empty());
  }
}

TEST_CASE("seen items keep the ratings, and joined ones where both have them") {
  const SeenItems a(interactions(2, 4, {{0, 1, 2}, {0, 3, 4}, {1, 0, 5}}));
  const SeenItems b(interactions(3, 4, {{0, 2, 1}, {2, 3, 3}}));
  CHECK(std::ranges::equal(a.values_of(0), std::vector<float>{2, 4}));
  CHECK(a.values_of(2).empty());
  const SeenItems joined = SeenItems::joined(a, b);
  CHECK(joined.has_values());
  CHECK(std::ranges::equal(joined.values_of(0), std::vector<float>{2, 4, 1}));
  CHECK(std::ranges::equal(joined.values_of(2), std::vector<float>{3}));
  CHECK(joined.item_counts(4) == Indices{1, 1, 1, 2});
  SeenItems without = b;
  without.values.clear();
  CHECK_FALSE(SeenItems::joined(a, without).has_values());
  CHECK(SeenItems::joined(a, without).items == joined.items);
}
