// What a factorization machine is trained on and predicts: rows of real-valued columns in
// relational form (Rendle 2013, "Scaling Factorization Machines to Relational Data"). The row of an
// interaction is the user's row, the item's row and the context's rows side by side; each of these
// stands in a table once, and the interaction only names it. What the tables hold, be it everything
// a user has rated, then costs as much as the tables, not as much as tables times interactions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/features.h"
#include "data/interactions.h"
#include "data/seen_items.h"

namespace featherfm {

// A field of a model: the columns [begin, begin + columns).
struct ColumnField {
  std::string name;
  Side side = Side::context;
  std::uint32_t begin = 0, columns = 0;
};

// A table and who uses which row of it.
struct Block {
  std::shared_ptr<const SparseRows> table;  // columns of the whole model
  // Row of each example; empty: example k has row k. The number of rows itself stands for an empty
  // row: nothing is known.
  std::vector<std::uint32_t> index;

  std::uint32_t row_of(std::size_t example) const {
    return index.empty() ? static_cast<std::uint32_t>(example) : index[example];
  }
};

// The examples. No column occurs in two blocks.
struct Design {
  std::uint32_t columns = 0;
  std::vector<Block> blocks;
  std::vector<float> targets;
  std::vector<float> weights;  // beside targets; empty: all 1

  std::size_t size() const { return targets.size(); }
  float weight(std::size_t example) const { return weights.empty() ? 1.0f : weights[example]; }
};

// What each of the n entries of a set is.
enum class SetScale { root, mean };  // 1 / sqrt(n); 1 / n

// Which columns a model over users and items has besides the features that were given.
struct DerivedColumns {
  bool user = true, item = true;  // identity: a column of its own for every user, every item
  // Sets from the training interactions, as in SVD++ (Koren 2008) and its mirror image: the items a
  // user has met, the users who have met an item.
  bool user_items = false, item_users = false;
  bool day = false;                     // day of the interaction, a category
  double units_per_day = 86400;         // of the timestamps; 86,400 for seconds
  SetScale set_scale = SetScale::root;  // of the two sets
  bool normalized = false;  // whether rows of users and items sum to 1 in absolute value
};

// Names of the fields above.
inline constexpr const char *user_field = "user", *item_field = "item",
                            *user_items_field = "user-items", *item_users_field = "item-users",
                            *day_field = "day";

// The columns of a model, and what stands in them for every user and item it knows. Empty for a
// model of plain rows.
struct FeatureSpace {
  std::vector<ColumnField> fields;  // in order of their columns, without gaps
  std::shared_ptr<const SparseRows> users = std::make_shared<const SparseRows>();
  std::shared_ptr<const SparseRows> items = std::make_shared<const SparseRows>();
  std::vector<double> days;             // of the field "day": number of the day of each column
  double units_per_day = 86400;         // of the timestamps
  SetScale set_scale = SetScale::root;  // of the sets from training
  bool normalized = false;  // whether rows of users and items sum to 1 in absolute value

  std::uint32_t columns() const {
    return fields.empty() ? 0 : fields.back().begin + fields.back().columns;
  }
  const ColumnField* find(std::string_view name) const;
  // The field of the days; null where there is none. A field of the caller's own may be called so
  // too.
  const ColumnField* day() const;
};

// Lays out the columns of a model and fills the tables of its users and items. `seen` is who met
// what in training, `data` the training interactions (for the days). Rows of user fields are
// counted as `data` counts users, those of items likewise; missing rows are empty. `earlier`, where
// training is continued, must have the same fields; its days keep their order, and what it knows of
// a user or item stands where `features` say nothing. Errors: invalid_argument, and those of
// validate().
FeatureSpace make_feature_space(const Interactions& data, const SeenItems& seen,
                                std::span<const FeatureField> features,
                                const DerivedColumns& derived, const FeatureSpace* earlier);

// The interactions as rows of the model. Users and items behind those the space knows are described
// by `features` alone, which also has the fields of the context; fields that the space does not
// have are passed over. Unknown days are empty rows. `units_per_day`: of the data's timestamps,
// where they count otherwise than those of the training did.
Design make_design(const FeatureSpace& space, const Interactions& data,
                   std::span<const FeatureField> features,
                   std::optional<double> units_per_day = std::nullopt);

// The rows that `features` make up in the space, for somebody or something new; at least one.
// `seen`: for a user, the items met; they fill the field "user-items".
SparseRows describe(const FeatureSpace& space, Side side, std::span<const FeatureField> features,
                    std::span<const std::uint32_t> seen);

// For parameters that go on under a space with more columns: the new column of each old one.
std::vector<std::uint32_t> column_translation(const FeatureSpace& from, const FeatureSpace& to);

// Per column, over the examples that have a weight: how many have it, and the sum of its squares.
struct ColumnCounts {
  std::vector<std::uint32_t> examples;
  std::vector<double> squares;
};
ColumnCounts count_columns(const Design& design);

}  // namespace featherfm
