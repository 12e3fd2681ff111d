#include "features.h"

#include <emscripten/bind.h>

#include <string>

#include "guard.h"

namespace featherfm::bindings {
namespace {

// {offsets, indices, values}; the core checks them where they are used.
SparseRows rows_from_js(const Options& given) {
  SparseRows rows;
  rows.offsets = from_js<std::uint32_t>(given.raw("offsets"));
  rows.columns = from_js<std::uint32_t>(given.raw("indices"));
  rows.values = from_js<float>(given.raw("values"));
  if (rows.offsets.empty()) rows.offsets = {0};
  return rows;
}

// {fields: [{name, columns}], offsets, indices, values, targets | null, weights | null}
RowsHandle make_rows(const val& input) {
  return guarded([&] {
    const Options given(input);
    std::vector<ColumnField> fields;
    const val list = given.raw("fields");
    const auto count = list["length"].as<std::uint32_t>();
    for (std::uint32_t g = 0; g < count; ++g) {
      const Options field(list[g]);
      fields.push_back({field.text("name"), Side::context, 0, field.index("columns")});
    }
    return std::make_shared<RowSet>(make_row_set(std::move(fields), rows_from_js(given),
                                                 from_js<float>(given.raw("targets")),
                                                 from_js<float>(given.raw("weights"))));
  });
}

// {train, test}, by {by: "random", testFraction, seed}, {by: "fold", folds, fold, seed} or {by:
// "rows", testRows}.
val split_rows(const RowSet& rows, const val& options) {
  return guarded([&] {
    const Options given(options);
    const std::uint32_t size = rows.rows->rows();
    const std::string by = given.text("by");
    const Positions chosen = by == "random"
                                 ? random_rows(size, given.number("testFraction"), given.seed())
                             : by == "fold" ? fold_rows(size, fold_from_js(given), given.seed())
                                            : from_js<std::uint32_t>(given.raw("testRows"));
    std::vector<char> in_test(size);
    for (const std::uint32_t row : chosen) {
      if (row >= size) {
        fail(ErrorCode::out_of_range, "testRows",
             {"testRows must be below ", size, ", the number of rows; got ", row});
      }
      in_test[row] = 1;
    }
    Positions train, test;
    for (std::uint32_t row = 0; row < size; ++row) (in_test[row] ? test : train).push_back(row);
    val result = val::object();
    set(result, "train", val(std::make_shared<RowSet>(subset(rows, train))));
    set(result, "test", val(std::make_shared<RowSet>(subset(rows, test))));
    return result;
  });
}

// {offsets, indices, values, targets, weights | null}
val content(const RowSet& rows) {
  return guarded([&] {
    val result = val::object();
    set(result, "offsets", to_js(rows.rows->offsets));
    set(result, "indices", to_js(rows.rows->columns));
    set(result, "values", to_js(rows.rows->values));
    set(result, "targets", to_js(rows.targets));
    set(result, "weights", rows.weights.empty() ? val::null() : to_js(rows.weights));
    return result;
  });
}

}  // namespace

std::vector<FeatureField> features_from_js(const val& list) {
  std::vector<FeatureField> features;
  if (missing(list)) return features;
  const auto count = list["length"].as<std::uint32_t>();
  for (std::uint32_t g = 0; g < count; ++g) {
    const Options given(list[g]);
    features.push_back(
        {given.text("name"),
         choice<Side>(given.text("side"), "side",
                      {{"user", Side::user}, {"item", Side::item}, {"context", Side::context}}),
         given.index("columns"), rows_from_js(given)});
  }
  return features;
}

EMSCRIPTEN_BINDINGS(features) {
  using namespace emscripten;
  class_<RowSet>("Rows")
      .smart_ptr<RowsHandle>("RowsHandle")
      .property(
          "size", +[](const RowSet& set) { return set.rows->rows(); })
      .property("columns", &RowSet::columns)
      .property(
          "hasTargets", +[](const RowSet& set) { return set.has_targets; })
      .function("split(options)", &split_rows)
      .function("content()", &content);
  function("makeRows(input)", &make_rows);
}

}  // namespace featherfm::bindings
