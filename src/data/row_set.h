// Plain rows of real-valued columns with targets: what a factorization machine takes when there are
// no users and items.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/design.h"

namespace featherfm {

struct RowSet {
  std::vector<ColumnField> fields;  // cover all columns, in order
  std::shared_ptr<const SparseRows> rows;
  std::vector<float> targets;  // one per row; all 0 where none were given
  std::vector<float> weights;  // one per row; empty: all 1
  bool has_targets = false;

  std::uint32_t columns() const {
    return fields.empty() ? 0 : fields.back().begin + fields.back().columns;
  }
};

// Throws Error for rows that validate() refuses, targets and weights that are not finite, negative
// weights, lists of other lengths, and fields without a name of their own. `targets` empty: none
// are known, the rows can only be predicted. `fields`: names and numbers of columns, in order.
RowSet make_row_set(std::vector<ColumnField> fields, SparseRows rows, std::vector<float> targets,
                    std::vector<float> weights);

// The rows at these indices.
RowSet subset(const RowSet& set, std::span<const std::uint32_t> indices);

// As examples of a model with `columns` columns. Errors: size_mismatch when the rows have more.
Design make_design(const RowSet& set, std::uint32_t columns);

}  // namespace featherfm
