#include "data/design.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "support_fm.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr double day = 86400;

struct Event {
  std::uint32_t user, item;
  double time;
  std::uint32_t context = 0;
};

Interactions events(std::uint32_t users, std::uint32_t items, const std::vector<Event>& list) {
  Indices user_list, item_list, contexts;
  std::vector<float> values;
  std::vector<double> times;
  for (const Event& event : list) {
    user_list.push_back(event.user);
    item_list.push_back(event.item);
    values.push_back(static_cast<float>(values.size() + 1));
    times.push_back(event.time);
    contexts.push_back(event.context);
  }
  return Interactions::from_coordinates(users, items,
                                        {user_list, item_list, values, {}, times, contexts});
}

// Two users, three items; user 1 comes back after a week.
Interactions few_events() {
  return events(2, 3, {{0, 0, 10}, {0, 2, day + 1, 1}, {1, 2, 7 * day}});
}

std::vector<FeatureField> few_features() {
  return {{"place", Side::context, 2, sparse_rows({{{0, 1}}, {{1, 1}}})},
          {"genre", Side::item, 2, sparse_rows({{{0, 1}}, {}, {{0, 0.5f}, {1, 0.5f}}})},
          {"age", Side::user, 1, sparse_rows({{{0, 0.25f}}})}};  // of user 1 nothing is known
}

FeatureSpace few_space(const DerivedColumns& derived, const FeatureSpace* earlier = nullptr) {
  const Interactions data = few_events();
  return make_feature_space(data, SeenItems(data), few_features(), derived, earlier);
}

std::vector<std::string> names_of(const FeatureSpace& space) {
  std::vector<std::string> names;
  for (const ColumnField& field : space.fields) names.push_back(field.name);
  return names;
}

// All columns of an example, sorted.
Entries example(const Design& design, std::uint32_t k) {
  const Design flat = flattened(design);
  Entries entries = entries_of(flat.blocks[0].table->row(k));
  std::ranges::sort(entries);
  return entries;
}

std::uint32_t begin_of(const FeatureSpace& space, const char* field) {
  return space.find(field)->begin;
}

}  // namespace

TEST_CASE("columns are laid out user side first, then items, then context, without gaps") {
  const FeatureSpace space = few_space(everything);
  CHECK(names_of(space) == std::vector<std::string>{"user", "age", "user-items", "item", "genre",
                                                    "item-users", "place", "day"});
  std::uint32_t end = 0;
  for (const ColumnField& field : space.fields) {
    CHECK(field.begin == end);
    end += field.columns;
  }
  CHECK(space.columns() == end);
  CHECK(end == 2 + 1 + 3 + 3 + 2 + 2 + 2 + 3);
  CHECK(space.find("user-items")->side == Side::user);
  CHECK(space.find("item-users")->side == Side::item);
  CHECK(space.find("day")->side == Side::context);
  CHECK(space.find("colour") == nullptr);
}

TEST_CASE("identity columns can be left out") {
  const FeatureSpace space = few_space({false, false});
  CHECK(names_of(space) == std::vector<std::string>{"age", "genre", "place"});
  CHECK(entries_of(space.users->row(0)) == Entries{{0, 0.25f}});
  CHECK(space.users->rows() == 2);
  CHECK(space.users->row(1).size() == 0);
}

TEST_CASE("an example is its user, item, context and day side by side") {
  const FeatureSpace space = few_space({true, true, false, false, true});
  const Interactions data = few_events();
  const Design design = make_design(space, data, few_features());
  CHECK(design.columns == space.columns());
  CHECK(design.targets == std::vector<float>{1, 2, 3});
  CHECK(design.weights.empty());
  CHECK(design.blocks.size() == 4);
  const std::uint32_t item = begin_of(space, "item"), genre = begin_of(space, "genre"),
                      place = begin_of(space, "place"), days = begin_of(space, "day");
  CHECK(example(design, 0) ==
        Entries{{0, 1}, {2, 0.25f}, {item, 1}, {genre, 1}, {place, 1}, {days, 1}});
  CHECK(example(design, 1) == Entries{{0, 1},
                                      {2, 0.25f},
                                      {item + 2, 1},
                                      {genre, 0.5f},
                                      {genre + 1, 0.5f},
                                      {place + 1, 1},
                                      {days + 1, 1}});
  CHECK(
      example(design, 2) ==
      Entries{{1, 1}, {item + 2, 1}, {genre, 0.5f}, {genre + 1, 0.5f}, {place, 1}, {days + 2, 1}});
}

TEST_CASE("a design holds the contexts that occur, once each and in order of the examples") {
  // Row 3 is beyond the table: nothing is known of it.
  const Interactions data =
      events(2, 3, {{0, 0, 1, 2}, {0, 1, 2, 3}, {0, 2, 3, 2}, {1, 0, 4, 3}, {1, 1, 5, 0}});
  const std::vector<FeatureField> features{
      {"place", Side::context, 3, sparse_rows({{{0, 1}}, {{1, 1}}, {{2, 0.5f}}})}};
  const FeatureSpace space = make_feature_space(data, SeenItems(data), features, {}, nullptr);
  const Design design = make_design(space, data, features);
  const Block& contexts = design.blocks.back();
  CHECK(contexts.index == Indices{0, 1, 0, 1, 2});
  REQUIRE(contexts.table->rows() == 3);
  const std::uint32_t place = begin_of(space, "place");
  CHECK(entries_of(contexts.table->row(0)) == Entries{{place + 2, 0.5f}});
  CHECK(entries_of(contexts.table->row(1)).empty());
  CHECK(entries_of(contexts.table->row(2)) == Entries{{place, 1}});
}

TEST_CASE("sets are who met what, each member one over the root of the size") {
  const FeatureSpace space = few_space({true, true, true, true});
  const auto two = static_cast<float>(1 / std::sqrt(2.0));
  const std::uint32_t items = begin_of(space, "user-items"), users = begin_of(space, "item-users");
  const auto in_field = [&](const SparseRows::Row& row, const char* name) {
    Entries result;
    const ColumnField& field = *space.find(name);
    for (const auto& [column, value] : entries_of(row)) {
      if (column - field.begin < field.columns) result.emplace_back(column, value);
    }
    return result;
  };
  CHECK(in_field(space.users->row(0), "user-items") == Entries{{items, two}, {items + 2, two}});
  CHECK(in_field(space.users->row(1), "user-items") == Entries{{items + 2, 1}});
  CHECK(in_field(space.items->row(0), "item-users") == Entries{{users, 1}});
  CHECK(in_field(space.items->row(1), "item-users").empty());
  CHECK(in_field(space.items->row(2), "item-users") == Entries{{users, two}, {users + 1, two}});
}

TEST_CASE("a pair that two trainings met stands in the sets once") {
  const Interactions data = few_events();
  const SeenItems twice = SeenItems::joined(SeenItems(data), SeenItems(data));
  const FeatureSpace space = make_feature_space(data, twice, {}, {true, true, true, true}, nullptr);
  const FeatureSpace once =
      make_feature_space(data, SeenItems(data), {}, {true, true, true, true}, nullptr);
  CHECK(space.users->values == once.users->values);
  CHECK(space.users->columns == once.users->columns);
  CHECK(space.items->values == once.items->values);
  CHECK(space.items->columns == once.items->columns);
}

TEST_CASE("days are whole days since the epoch, also before it and in milliseconds") {
  const Interactions data = events(1, 3, {{0, 0, -1000}, {0, 1, 0}, {0, 2, 86'399'999}});
  DerivedColumns derived{true, true, false, false, true, 86'400'000};
  const FeatureSpace space = make_feature_space(data, {}, {}, derived, nullptr);
  CHECK(space.days == std::vector<double>{-1, 0});
  CHECK(space.units_per_day == 86'400'000);
}

TEST_CASE("at prediction, a day that training never met adds nothing") {
  const FeatureSpace space = few_space({true, true, false, false, true});
  const std::uint32_t days = begin_of(space, "day");
  const Interactions later =
      events(2, 3, {{0, 0, 7 * day + 5}, {0, 1, 3 * day}, {0, 2, -5}, {1, 0, 1e300}});
  const Design design = make_design(space, later, {});
  const std::uint32_t item = begin_of(space, "item");
  CHECK(example(design, 0) == Entries{{0, 1}, {2, 0.25f}, {item, 1}, {item + 3, 1}, {days + 2, 1}});
  for (const std::uint32_t k : {1u, 2u, 3u}) {
    for (const auto& [column, value] : example(design, k)) CHECK(column < days);
  }
  const Design timeless = make_design(space, interactions(2, 3, {{0, 1}}), {});
  for (const auto& [column, value] : example(timeless, 0)) CHECK(column < days);
}

TEST_CASE("days need timestamps, and two fields need two names") {
  const Interactions timeless = interactions(2, 3, {{0, 1}});
  const auto outcome = [&](std::vector<FeatureField> features, const DerivedColumns& derived) {
    return error_of([&] { make_feature_space(timeless, {}, features, derived, nullptr); });
  };
  CHECK(outcome({}, {true, true, false, false, true}) == "INVALID_ARGUMENT derived");
  const FeatureField age{"age", Side::user, 1, {}};
  CHECK(outcome({age, age}, {}) == "INVALID_ARGUMENT age");
  CHECK(outcome({{"item", Side::user, 1, {}}}, {}) == "INVALID_ARGUMENT item");
  CHECK(outcome({{"genre", Side::item, 1, sparse_rows({{{1, 1}}})}}, {}) == "OUT_OF_RANGE genre");
  CHECK(outcome({{"genre", Side::item, 2, sparse_rows({{{1, NAN}}})}}, {}) == "NOT_FINITE genre");
  CHECK(outcome({{"genre", Side::item, 2, sparse_rows({{{1, 1}, {1, 1}}})}}, {}) ==
        "DUPLICATE genre");
  CHECK(outcome({{"big", Side::item, 0xfffffffe, {}}}, {}) == "OUT_OF_RANGE big");
}

TEST_CASE("a context field of the caller's own may be called day where none is derived") {
  const Interactions data = few_events();
  const std::vector<FeatureField> features{
      {"day", Side::context, 2, sparse_rows({{{0, 1}}, {{1, 1}}})}};
  const FeatureSpace space = make_feature_space(data, {}, features, {}, nullptr);
  const Design design = make_design(space, data, features);
  CHECK(example(design, 0) == Entries{{0, 1}, {2, 1}, {5, 1}});
  CHECK(example(design, 1) == Entries{{0, 1}, {4, 1}, {6, 1}});
}

TEST_CASE("users and items that training never met are described by features alone") {
  const FeatureSpace space = few_space(everything);
  const Interactions data = events(4, 5, {{3, 4, 10}, {2, 0, 10}});
  const std::vector<FeatureField> features{
      {"age", Side::user, 1, sparse_rows({{}, {}, {}, {{0, 0.75f}}})},
      {"genre", Side::item, 2, sparse_rows({{}, {}, {}, {}, {{1, 1}}})},
      {"shoes", Side::user, 9, sparse_rows({{}, {}, {}, {{8, 1}}})}};  // a field not in the model
  const Design design = make_design(space, data, features);
  REQUIRE(design.size() == 2);
  CHECK(example(design, 1) == Entries{{begin_of(space, "age"), 0.75f},
                                      {begin_of(space, "genre") + 1, 1},
                                      {begin_of(space, "day"), 1}});
  // User 2 is not described at all; what training knows of item 0 stands, whatever is given now.
  for (const auto& [column, value] : example(design, 0)) {
    CHECK(column >= begin_of(space, "item"));
  }
  CHECK(example(design, 0).front() == std::pair{begin_of(space, "item"), 1.0f});
  CHECK(space.users->rows() == 2);
}

TEST_CASE("columns of a feature that the model's field does not have are passed over") {
  const FeatureSpace space = few_space({});
  const std::vector<FeatureField> wider{
      {"genre", Side::item, 4, sparse_rows({{}, {}, {}, {{3, 1}, {1, 2}}})}};
  const Design design = make_design(space, events(2, 4, {{0, 3, 0}}), wider);
  CHECK(example(design, 0) == Entries{{0, 1}, {2, 0.25f}, {begin_of(space, "genre") + 1, 2}});
}

TEST_CASE("somebody new is described by features and what they have met") {
  const FeatureSpace space = few_space(everything);
  const std::vector<FeatureField> features{{"age", Side::user, 1, sparse_rows({{{0, 2}}})},
                                           {"genre", Side::item, 2, sparse_rows({{{1, 2}}})}};
  const auto two = static_cast<float>(1 / std::sqrt(2.0));
  const std::uint32_t items = begin_of(space, "user-items");
  CHECK(entries_of(describe(space, Side::user, features, Indices{0, 2}).row(0)) ==
        Entries{{begin_of(space, "age"), 2}, {items, two}, {items + 2, two}});
  CHECK(entries_of(describe(space, Side::item, features, {}).row(0)) ==
        Entries{{begin_of(space, "genre") + 1, 2}});
  const SparseRows nothing = describe(space, Side::context, {}, {});
  CHECK(nothing.rows() == 1);
  CHECK(nothing.entries() == 0);
  CHECK(error_of([&] {
          describe(space, Side::user,
                   std::vector{FeatureField{"age", Side::user, 1, sparse_rows({{{0, INFINITY}}})}},
                   {});
        }) == "NOT_FINITE age");
}

TEST_CASE("a continued space keeps its columns, its days and what it knew of users and items") {
  const FeatureSpace before = few_space(everything);
  // One user and one item more, new days between the old ones, new genres; ages are given for the
  // new user only, so those of the others stand.
  const Interactions data = events(3, 4, {{2, 3, 3 * day}, {0, 1, day}});
  const std::vector<FeatureField> features{
      {"age", Side::user, 1, sparse_rows({{}, {}, {{0, 0.5f}}})},
      {"genre", Side::item, 3, sparse_rows({{{2, 1}}, {}, {}, {{2, 1}}})},
      {"place", Side::context, 2, {}}};
  const SeenItems seen = SeenItems::joined(SeenItems(few_events()), SeenItems(data));
  const FeatureSpace after = make_feature_space(data, seen, features, everything, &before);

  CHECK(names_of(after) == names_of(before));
  CHECK(after.days == std::vector<double>{0, 1, 7, 3});
  const auto age = begin_of(after, "age"), genre = begin_of(after, "genre");
  const auto in = [](const SparseRows::Row& row, std::uint32_t column) {
    for (const auto& [other, value] : entries_of(row)) {
      if (other == column) return value;
    }
    return 0.0f;
  };
  CHECK(in(after.users->row(0), age) == 0.25f);
  CHECK(in(after.users->row(2), age) == 0.5f);
  CHECK(in(after.items->row(0), genre) == 0);  // given anew: the old genre is gone
  CHECK(in(after.items->row(0), genre + 2) == 1);
  CHECK(in(after.items->row(2), genre) == 0.5f);
  CHECK(in(after.users->row(0), begin_of(after, "user-items") + 1) ==
        static_cast<float>(1 / std::sqrt(3.0)));

  const auto translation = column_translation(before, after);
  REQUIRE(translation.size() == before.columns());
  for (const ColumnField& field : before.fields) {
    for (std::uint32_t k = 0; k < field.columns; ++k) {
      CHECK(translation[field.begin + k] == begin_of(after, field.name.c_str()) + k);
    }
  }
}

TEST_CASE("rows of a continued space sum to one by what it knows now, not by what it knew") {
  DerivedColumns derived;
  derived.normalized = true;
  const FeatureSpace before = few_space(derived);
  CHECK(before.normalized);
  // User 1, of whom nothing was known, says their age; an item gets one genre in the place of two.
  const std::vector<FeatureField> features{
      {"age", Side::user, 1, sparse_rows({{}, {{0, 0.5f}}})},
      {"genre", Side::item, 2, sparse_rows({{}, {}, {{1, 2}}})},
      {"place", Side::context, 2, {}}};
  const Interactions data = few_events();
  const FeatureSpace after = make_feature_space(data, SeenItems(data), features, derived, &before);
  CHECK(after.normalized);
  const auto normalized = [](const SparseRows& rows, std::uint32_t r) {
    return entries_of(rows.normalized().row(r));
  };
  const std::uint32_t age = begin_of(after, "age"), item = begin_of(after, "item"),
                      genre = begin_of(after, "genre");
  CHECK(normalized(*before.users, 0) == Entries{{0, 0.8f}, {age, 0.2f}});
  CHECK(normalized(*before.users, 1) == Entries{{1, 1}});
  CHECK(normalized(*after.users, 0) == Entries{{0, 0.8f}, {age, 0.2f}});
  const auto third = static_cast<float>(1 / 1.5);
  CHECK(normalized(*after.users, 1) == Entries{{1, third}, {age, third * 0.5f}});
  CHECK(normalized(*before.items, 2) ==
        Entries{{item + 2, 0.5f}, {genre, 0.25f}, {genre + 1, 0.25f}});
  const auto one_of_three = static_cast<float>(1 / 3.0);
  CHECK(normalized(*after.items, 2) ==
        Entries{{item + 2, one_of_three}, {genre + 1, one_of_three * 2}});
}

TEST_CASE("parameters cannot go on where fields are missing or have become smaller") {
  const FeatureSpace before = few_space(everything);
  CHECK(error_of([&] { column_translation(before, few_space({})); }) == "INVALID_ARGUMENT data");
  const Interactions fewer = events(1, 3, {{0, 0, 0}});
  const FeatureSpace smaller =
      make_feature_space(fewer, SeenItems(fewer), few_features(), everything, nullptr);
  CHECK(error_of([&] { column_translation(before, smaller); }) == "INVALID_ARGUMENT data");
  FeatureSpace other_side = before;
  other_side.fields[1].side = Side::item;
  CHECK(error_of([&] { column_translation(before, other_side); }) == "INVALID_ARGUMENT data");
}

TEST_CASE("columns are counted over the examples, not over the tables") {
  const SmallWorld world = small_world(12, 9, 60, 4);
  const FmData data = world_data(world, everything);
  const ColumnCounts counts = count_columns(*data.train);
  const Design flat = flattened(*data.train);
  const ColumnCounts expected = count_columns(flat);
  CHECK(counts.examples == expected.examples);
  for (std::size_t j = 0; j < flat.columns; ++j) {
    double squares = 0;
    std::uint32_t uses = 0;
    for (std::uint32_t k = 0; k < flat.size(); ++k) {
      for (const auto& [column, value] : entries_of(flat.blocks[0].table->row(k))) {
        if (column != j || value == 0) continue;
        ++uses;
        squares += double{value} * value;
      }
    }
    CHECK(counts.examples[j] == uses);
    CHECK(std::abs(counts.squares[j] - squares) < 1e-9);
  }
}

TEST_CASE("examples without weight do not count") {
  const Design design =
      plain_design(2, sparse_rows({{{0, 2}}, {{0, 3}, {1, 1}}, {{0, 0}}}), {1, 2, 3}, {1, 0, 1});
  const ColumnCounts counts = count_columns(design);
  CHECK(counts.examples == Indices{1, 0});
  CHECK(counts.squares == std::vector<double>{4, 0});
}
