// Interactions and splits.
#include <emscripten/bind.h>

#include <memory>
#include <numeric>
#include <string>

#include "arrays.h"
#include "data/interactions.h"
#include "data/split.h"
#include "features.h"
#include "guard.h"

namespace featherfm::bindings {
namespace {

using Handle = std::shared_ptr<Interactions>;

Handle hold(Interactions data) {
  return std::make_shared<Interactions>(std::move(data));
}

Handle make_interactions(const val& options, const val& users, const val& items, const val& ratings,
                         const val& weights, const val& timestamps) {
  return guarded([&] {
    const Options given(options);
    const auto user_list = from_js<std::uint32_t>(users), item_list = from_js<std::uint32_t>(items);
    const auto values = from_js<float>(ratings), weight_list = from_js<float>(weights);
    const auto times = from_js<double>(timestamps);
    // Row k of the context's tables belongs to interaction k.
    std::vector<std::uint32_t> contexts(given.flag("hasContext") ? user_list.size() : 0);
    std::iota(contexts.begin(), contexts.end(), 0u);
    const auto duplicates = choice<Duplicates>(
        given.text("duplicates"), "duplicates",
        {{"last", Duplicates::keep_last}, {"sum", Duplicates::sum}, {"error", Duplicates::error}});
    return hold(Interactions::from_coordinates(
        given.index("users"), given.index("items"),
        {user_list, item_list, values, weight_list, times, contexts}, duplicates));
  });
}

Positions test_positions(const Interactions& data, const Options& given) {
  const std::string by = given.text("by");
  if (by == "random") return random_test(data, given.number("testFraction"), given.seed());
  if (by == "user") return user_random_test(data, given.number("testFraction"), given.seed());
  if (by == "fold") {
    const Fold fold = fold_from_js(given);
    return given.text("within") == "user" ? user_fold_test(data, fold, given.seed())
                                          : fold_test(data, fold, given.seed());
  }
  if (by == "leave-last-out") return leave_last_out_test(data, given.index("count"));
  if (by == "time") return time_test(data, given.number("testFraction"));
  if (by == "rows") return rows_test(data, from_js<std::uint32_t>(given.raw("testRows")));
  fail(ErrorCode::invalid_argument, "by", {"by does not know \"", by, "\""});
}

val split(const Interactions& data, const val& options) {
  return guarded([&] {
    auto parts = split_at(data, test_positions(data, Options(options)));
    val result = val::object();
    set(result, "train", val(hold(std::move(parts.train))));
    set(result, "test", val(hold(std::move(parts.test))));
    return result;
  });
}

Handle remapped(const Interactions& data, std::uint32_t users, std::uint32_t items,
                const val& user_map, const val& item_map) {
  return guarded([&] {
    return hold(data.remapped(users, items, from_js<std::uint32_t>(user_map),
                              from_js<std::uint32_t>(item_map)));
  });
}

// Everything of one user: {items, values, weights | null, timestamps | null}.
val ratings_of(const Interactions& data, std::uint32_t user) {
  return guarded([&] {
    require_range<std::uint32_t>(user, 0, data.users() - 1, "user");
    std::vector<float> values, weights;
    std::vector<double> timestamps;
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      values.push_back(data.value_at(p));
      if (data.has_weights()) weights.push_back(data.weight_at(p));
      if (data.has_timestamps()) timestamps.push_back(data.timestamp_at(p));
    }
    val result = val::object();
    set(result, "items", to_js(data.items_of(user)));
    set(result, "values", to_js(values));
    set(result, "weights", data.has_weights() ? to_js(weights) : val::null());
    set(result, "timestamps", data.has_timestamps() ? to_js(timestamps) : val::null());
    return result;
  });
}

val item_counts(const Interactions& data) {
  return guarded([&] { return to_js(data.item_counts()); });
}

}  // namespace

EMSCRIPTEN_BINDINGS(data) {
  using namespace emscripten;
  class_<Interactions>("Interactions")
      .smart_ptr<Handle>("InteractionsHandle")
      .property("size", &Interactions::size)
      .property("hasWeights", &Interactions::has_weights)
      .property("hasTimestamps", &Interactions::has_timestamps)
      .property(
          "low", +[](const Interactions& data) { return data.value_range().low; })
      .property(
          "high", +[](const Interactions& data) { return data.value_range().high; })
      .function("split(options)", &split)
      .function("remapped(users, items, userMap, itemMap)", &remapped)
      .function("ratingsOf(user)", &ratings_of)
      .function("itemCounts()", &item_counts);
  function("makeInteractions(options, users, items, ratings, weights, timestamps)",
           &make_interactions);
}

}  // namespace featherfm::bindings
