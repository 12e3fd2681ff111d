#include "data/features.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace featherfm {

SparseRows SparseRows::normalized() const {
  SparseRows result = *this;
  for (std::uint32_t r = 0; r < rows(); ++r) {
    const float scale = row(r).normalizer();
    for (std::uint32_t e = offsets[r]; e < offsets[r + 1]; ++e) result.values[e] *= scale;
  }
  return result;
}

SparseRows SparseRows::subset(std::span<const std::uint32_t> indices) const {
  SparseRows result;
  result.offsets.reserve(indices.size() + 1);
  for (const std::uint32_t index : indices) {
    const Row from = row(index);
    result.columns.insert(result.columns.end(), from.columns.begin(), from.columns.end());
    result.values.insert(result.values.end(), from.values.begin(), from.values.end());
    result.end_row();
  }
  return result;
}

void validate(const SparseRows& rows, std::uint32_t columns, std::string_view argument) {
  const auto& offsets = rows.offsets;
  bool ascending = !offsets.empty() && offsets.front() == 0;
  for (std::size_t r = 1; ascending && r < offsets.size(); ++r) {
    ascending = offsets[r - 1] <= offsets[r];
  }
  if (!ascending || offsets.back() != rows.columns.size() ||
      rows.values.size() != rows.columns.size()) {
    fail(ErrorCode::size_mismatch, argument,
         {argument, " must have offsets that ascend from 0 to the number of entries, and as many ",
          "values as columns"});
  }
  std::uint32_t end = 0;  // of the columns that occur
  for (std::uint32_t r = 0; r < rows.rows(); ++r) {
    for (std::uint32_t k = offsets[r]; k < offsets[r + 1]; ++k) {
      const std::uint32_t column = rows.columns[k];
      if (column >= columns) {
        fail(ErrorCode::out_of_range, argument,
             {argument, ": row ", r, " has column ", column, "; there are ", columns, " columns"});
      }
      if (!std::isfinite(rows.values[k])) {
        fail(ErrorCode::not_finite, argument,
             {argument, ": row ", r, ", column ", column, " must be finite; got ",
              double{rows.values[k]}});
      }
      end = std::max(end, column + 1);
    }
  }
  // The row that met a column last, counted from 1.
  std::vector<std::uint32_t> met(end);
  for (std::uint32_t r = 0; r < rows.rows(); ++r) {
    for (std::uint32_t k = offsets[r]; k < offsets[r + 1]; ++k) {
      const std::uint32_t column = rows.columns[k];
      if (met[column] == r + 1) {
        fail(ErrorCode::duplicate, argument,
             {argument, ": row ", r, " has column ", column, " twice"});
      }
      met[column] = r + 1;
    }
  }
}

}  // namespace featherfm
