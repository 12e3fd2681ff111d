// Features and plain rows as they come from JavaScript.
#pragma once

#include <memory>
#include <vector>

#include "arrays.h"
#include "data/features.h"
#include "data/row_set.h"
#include "data/split.h"

namespace featherfm::bindings {

using RowsHandle = std::shared_ptr<RowSet>;

// {folds, fold}: of interactions and of rows.
inline Fold fold_from_js(const Options& given) {
  return {given.index("folds"), given.index("fold")};
}

// A list of {name, side, columns, offsets, indices, values}; none for null.
std::vector<FeatureField> features_from_js(const val& list);

}  // namespace featherfm::bindings
