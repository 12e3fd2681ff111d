#include "data/row_set.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace featherfm {
namespace {

void require_finite(const std::vector<float>& values, const char* argument, float least) {
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (std::isfinite(values[k]) && values[k] >= least) continue;
    fail(std::isfinite(values[k]) ? ErrorCode::out_of_range : ErrorCode::not_finite, argument,
         {argument, "[", k, "] must be finite", least == 0 ? " and not negative" : "", "; got ",
          double{values[k]}});
  }
}

}  // namespace

RowSet make_row_set(std::vector<ColumnField> fields, SparseRows rows, std::vector<float> targets,
                    std::vector<float> weights) {
  RowSet set;
  std::uint64_t end = 0;
  for (std::size_t g = 0; g < fields.size(); ++g) {
    if (fields[g].name.empty()) {
      fail(ErrorCode::invalid_argument, "fields", {"every field needs a name"});
    }
    for (std::size_t other = 0; other < g; ++other) {
      if (fields[other].name != fields[g].name) continue;
      fail(ErrorCode::invalid_argument, "fields",
           {"there are two fields called \"", fields[g].name, "\""});
    }
    fields[g].side = Side::context;
    fields[g].begin = static_cast<std::uint32_t>(end);
    end += fields[g].columns;
    if (end >= std::numeric_limits<std::uint32_t>::max()) {
      fail(ErrorCode::out_of_range, "columns", {"at most 4294967294 columns are possible"});
    }
  }
  validate(rows, static_cast<std::uint32_t>(end), "indices");
  set.has_targets = !targets.empty();
  if (set.has_targets) require_same_size(targets.size(), rows.rows(), "targets");
  if (!weights.empty()) require_same_size(weights.size(), rows.rows(), "weights");
  require_finite(targets, "targets", std::numeric_limits<float>::lowest());
  require_finite(weights, "weights", 0);
  targets.resize(rows.rows());
  set.fields = std::move(fields);
  set.rows = std::make_shared<const SparseRows>(std::move(rows));
  set.targets = std::move(targets);
  set.weights = std::move(weights);
  return set;
}

RowSet subset(const RowSet& set, std::span<const std::uint32_t> indices) {
  RowSet result;
  result.fields = set.fields;
  result.has_targets = set.has_targets;
  result.rows = std::make_shared<const SparseRows>(set.rows->subset(indices));
  for (const std::uint32_t k : indices) {
    result.targets.push_back(set.targets[k]);
    if (!set.weights.empty()) result.weights.push_back(set.weights[k]);
  }
  return result;
}

Design make_design(const RowSet& set, std::uint32_t columns) {
  if (set.columns() > columns) {
    fail(ErrorCode::size_mismatch, "rows",
         {"the rows have ", set.columns(), " columns, the model ", columns,
          "; say how many there are when you read the rows"});
  }
  Design design;
  design.columns = columns;
  design.blocks = {{set.rows, {}}};
  design.targets = set.targets;
  design.weights = set.weights;
  return design;
}

}  // namespace featherfm
