#include "data/design.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace featherfm {
namespace {

// A heap sort: nobody waits for it, and its code is a tenth of std::sort's.
template <class T>
void sort(std::vector<T>& values) {
  std::make_heap(values.begin(), values.end());
  std::sort_heap(values.begin(), values.end());
}

// Writes the rows of one side: for each field of it what stands there for user, item or context r.
class SideRows {
 public:
  SideRows(const FeatureSpace& space, Side side, std::span<const FeatureField> features)
      : set_scale_(space.set_scale) {
    for (const ColumnField& field : space.fields) {
      if (field.side != side) continue;
      if (field.name == (side == Side::user ? user_field : item_field)) identity_ = &field;
      if (field.name == (side == Side::user ? user_items_field : item_users_field)) set_ = &field;
      for (const FeatureField& feature : features) {
        if (feature.name == field.name && feature.side == side)
          given_.push_back({&field, &feature});
      }
    }
    if (side == Side::context) identity_ = set_ = nullptr;
  }

  // `own`: the column within the identity field, or beyond it for none. `met`: the set.
  void add_row(SparseRows& table, std::uint32_t row, std::uint32_t own,
               std::span<const std::uint32_t> met) const {
    if (identity_ && own < identity_->columns) table.add(identity_->begin + own, 1);
    for (const auto& [field, feature] : given_) {
      const SparseRows::Row from = feature->rows.row(row);
      for (std::size_t k = 0; k < from.size(); ++k) {
        if (from.columns[k] < field->columns) {
          table.add(field->begin + from.columns[k], from.values[k]);
        }
      }
    }
    if (set_ && !met.empty()) {
      const auto size = static_cast<double>(met.size());
      const auto value =
          static_cast<float>(1 / (set_scale_ == SetScale::root ? std::sqrt(size) : size));
      for (const std::uint32_t other : met) {
        if (other < set_->columns) table.add(set_->begin + other, value);
      }
    }
    table.end_row();
  }

 private:
  struct Given {
    const ColumnField* field;
    const FeatureField* feature;
  };
  SetScale set_scale_;
  const ColumnField *identity_ = nullptr, *set_ = nullptr;
  std::vector<Given> given_;
};

constexpr std::uint32_t no_column = std::numeric_limits<std::uint32_t>::max();

// Who has met an item, as SeenItems says what a user has met.
SeenItems transposed(const SeenItems& seen, std::uint32_t items) {
  SeenItems result;
  result.offsets.assign(std::size_t{items} + 1, 0);
  for (const std::uint32_t item : seen.items) ++result.offsets[item + 1];
  for (std::size_t i = 1; i < result.offsets.size(); ++i) {
    result.offsets[i] += result.offsets[i - 1];
  }
  std::vector<std::uint32_t> next(result.offsets.begin(), result.offsets.end() - 1);
  result.items.resize(seen.items.size());
  for (std::uint32_t user = 0; user + 1 < seen.offsets.size(); ++user) {
    for (const std::uint32_t item : seen.of(user)) result.items[next[item]++] = user;
  }
  return result;
}

// Each index once, ascending: sets from two trainings may name one twice.
void make_unique(SeenItems& sets) {
  SeenItems result;
  for (std::uint32_t row = 0; row + 1 < sets.offsets.size(); ++row) {
    const auto own = sets.of(row);
    std::vector<std::uint32_t> sorted(own.begin(), own.end());
    sort(sorted);
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    result.items.insert(result.items.end(), sorted.begin(), sorted.end());
    result.offsets.push_back(static_cast<std::uint32_t>(result.items.size()));
  }
  sets = std::move(result);
}

double day_of(double timestamp, double units_per_day) {
  return std::floor(timestamp / units_per_day);
}

// The days of the interactions that `days` does not have yet, ascending behind them.
void add_days(std::vector<double>& days, const Interactions& data, double units_per_day) {
  std::vector<double> all;
  all.reserve(data.size());
  for (std::uint32_t p = 0; p < data.size(); ++p) {
    all.push_back(day_of(data.timestamp_at(p), units_per_day));
  }
  sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::vector<double> known = days;
  sort(known);
  std::set_difference(all.begin(), all.end(), known.begin(), known.end(), std::back_inserter(days));
}

// The field with the rows that an earlier space has where the field's own are empty.
FeatureField filled_up(const FeatureField& feature, const FeatureSpace& earlier) {
  const ColumnField* field = earlier.find(feature.name);
  const SparseRows& known = feature.side == Side::user ? *earlier.users : *earlier.items;
  if (!field || field->side != feature.side || feature.side == Side::context) return feature;
  FeatureField result{feature.name, feature.side, feature.columns, {}};
  for (std::uint32_t r = 0; r < std::max(feature.rows.rows(), known.rows()); ++r) {
    const SparseRows::Row own = feature.rows.row(r), before = known.row(r);
    for (std::size_t k = 0; k < own.size(); ++k) result.rows.add(own.columns[k], own.values[k]);
    for (std::size_t k = 0; k < before.size() && own.size() == 0; ++k) {
      const std::uint32_t column = before.columns[k] - field->begin;  // wraps around below begin
      if (column < field->columns) result.rows.add(column, before.values[k]);
    }
    result.rows.end_row();
  }
  return result;
}

std::shared_ptr<const SparseRows> shared(SparseRows table) {
  return std::make_shared<const SparseRows>(std::move(table));
}

// The table of a side with rows for those behind `known` that only features describe.
std::shared_ptr<const SparseRows> with_newcomers(const FeatureSpace& space, Side side,
                                                 std::shared_ptr<const SparseRows> known,
                                                 std::uint32_t count,
                                                 std::span<const FeatureField> features) {
  if (count <= known->rows()) return known;
  const SideRows rows(space, side, features);
  SparseRows table = *known;
  for (std::uint32_t r = known->rows(); r < count; ++r) rows.add_row(table, r, no_column, {});
  return shared(std::move(table));
}

Block day_block(const FeatureSpace& space, const ColumnField& field, const Interactions& data,
                double units_per_day) {
  // Days in ascending order, with their columns.
  std::vector<std::pair<double, std::uint32_t>> order;
  SparseRows table;
  for (std::uint32_t k = 0; k < field.columns; ++k) {
    order.emplace_back(space.days[k], k);
    table.add(field.begin + k, 1);
    table.end_row();
  }
  sort(order);
  Block block{shared(std::move(table)), std::vector<std::uint32_t>(data.size(), field.columns)};
  for (std::uint32_t p = 0; p < data.size() && data.has_timestamps(); ++p) {
    const double day = day_of(data.timestamp_at(p), units_per_day);
    const auto found = std::lower_bound(order.begin(), order.end(), std::pair{day, 0u});
    if (found != order.end() && found->first == day) block.index[p] = found->second;
  }
  return block;
}

}  // namespace

const ColumnField* FeatureSpace::find(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const ColumnField& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

const ColumnField* FeatureSpace::day() const {
  const ColumnField* field = days.empty() ? nullptr : find(day_field);
  return field && field->side == Side::context ? field : nullptr;
}

FeatureSpace make_feature_space(const Interactions& data, const SeenItems& seen,
                                std::span<const FeatureField> features,
                                const DerivedColumns& derived, const FeatureSpace* earlier) {
  FeatureSpace space;
  space.units_per_day = derived.units_per_day;
  space.set_scale = derived.set_scale;
  space.normalized = derived.normalized;
  std::uint32_t end = 0;
  const auto add = [&](std::string_view name, Side side, std::uint32_t columns) {
    if (space.find(name)) {
      fail(ErrorCode::invalid_argument, name,
           {"there are two fields called \"", name, "\"; give one of them another name"});
    }
    if (columns > no_column - 1 - end) {
      fail(ErrorCode::out_of_range, name, {"at most 4294967294 columns are possible"});
    }
    space.fields.push_back({std::string(name), side, end, columns});
    end += columns;
  };
  for (const Side side : {Side::user, Side::item, Side::context}) {
    if (side == Side::user && derived.user) add(user_field, side, data.users());
    if (side == Side::item && derived.item) add(item_field, side, data.items());
    for (const FeatureField& feature : features) {
      if (feature.side != side) continue;
      validate(feature.rows, feature.columns, feature.name);
      add(feature.name, side, feature.columns);
    }
    if (side == Side::user && derived.user_items) add(user_items_field, side, data.items());
    if (side == Side::item && derived.item_users) add(item_users_field, side, data.users());
    if (side == Side::context && derived.day) {
      if (!data.has_timestamps()) {
        fail(ErrorCode::invalid_argument, "derived",
             {"the field \"day\" needs interactions with timestamps"});
      }
      if (earlier) space.days = earlier->days;
      add_days(space.days, data, derived.units_per_day);
      add(day_field, side, static_cast<std::uint32_t>(space.days.size()));
    }
  }

  SeenItems met = seen;
  make_unique(met);
  std::vector<FeatureField> all(features.begin(), features.end());
  if (earlier) {
    for (FeatureField& feature : all) feature = filled_up(feature, *earlier);
  }
  const SideRows user_rows(space, Side::user, all), item_rows(space, Side::item, all);
  SparseRows users, items;
  for (std::uint32_t u = 0; u < data.users(); ++u) user_rows.add_row(users, u, u, met.of(u));
  if (derived.item_users) met = transposed(met, data.items());
  for (std::uint32_t i = 0; i < data.items(); ++i) item_rows.add_row(items, i, i, met.of(i));
  space.users = shared(std::move(users));
  space.items = shared(std::move(items));
  return space;
}

Design make_design(const FeatureSpace& space, const Interactions& data,
                   std::span<const FeatureField> features, std::optional<double> units_per_day) {
  Design design;
  design.columns = space.columns();
  Block users{with_newcomers(space, Side::user, space.users, data.users(), features), {}};
  Block items{with_newcomers(space, Side::item, space.items, data.items(), features), {}};
  const std::size_t size = data.size();
  users.index.reserve(size);
  design.targets.reserve(size);
  for (std::uint32_t u = 0; u < data.users(); ++u) {
    for (std::uint32_t p = data.user_begin(u); p < data.user_end(u); ++p) {
      users.index.push_back(u);
      design.targets.push_back(data.value_at(p));
      if (data.has_weights()) design.weights.push_back(data.weight_at(p));
    }
  }
  items.index.assign(data.item_indices().begin(), data.item_indices().end());
  design.blocks = {std::move(users), std::move(items)};

  const bool has_context_fields =
      std::any_of(features.begin(), features.end(), [&](const FeatureField& feature) {
        return feature.side == Side::context && space.find(feature.name);
      });
  if (has_context_fields && data.has_contexts()) {
    std::uint32_t count = 0;
    for (const FeatureField& feature : features) {
      if (feature.side == Side::context) count = std::max(count, feature.rows.rows());
    }
    const SideRows rows(space, Side::context, features);
    // Only the contexts that occur, in order of the examples: those of a split's other half would
    // cost as much as its own, and walking through them in another order costs more still.
    std::vector<std::uint32_t> place(std::size_t{count} + 1, no_column);
    SparseRows table;
    Block block;
    block.index.reserve(size);
    for (std::uint32_t p = 0; p < size; ++p) {
      const std::uint32_t context = std::min(data.context_at(p), count);
      if (place[context] == no_column) {
        place[context] = table.rows();
        if (context < count) {
          rows.add_row(table, context, no_column, {});
        } else {
          table.end_row();  // nothing is known
        }
      }
      block.index.push_back(place[context]);
    }
    block.table = shared(std::move(table));
    design.blocks.push_back(std::move(block));
  }
  if (const ColumnField* day = space.day()) {
    design.blocks.push_back(
        day_block(space, *day, data, units_per_day.value_or(space.units_per_day)));
  }
  return design;
}

SparseRows describe(const FeatureSpace& space, Side side, std::span<const FeatureField> features,
                    std::span<const std::uint32_t> seen) {
  std::uint32_t count = 1;
  for (const FeatureField& feature : features) {
    validate(feature.rows, feature.columns, feature.name);
    count = std::max(count, feature.rows.rows());
  }
  const SideRows rows(space, side, features);
  SparseRows table;
  for (std::uint32_t r = 0; r < count; ++r) rows.add_row(table, r, no_column, seen);
  return table;
}

std::vector<std::uint32_t> column_translation(const FeatureSpace& from, const FeatureSpace& to) {
  std::vector<std::uint32_t> result(from.columns());
  for (const ColumnField& field : from.fields) {
    const ColumnField* after = to.find(field.name);
    if (!after || after->side != field.side || after->columns < field.columns) {
      fail(ErrorCode::invalid_argument, "data",
           {"the field \"", field.name, "\" of the model is missing or has fewer columns here"});
    }
    for (std::uint32_t k = 0; k < field.columns; ++k) result[field.begin + k] = after->begin + k;
  }
  return result;
}

ColumnCounts count_columns(const Design& design) {
  ColumnCounts counts{std::vector<std::uint32_t>(design.columns),
                      std::vector<double>(design.columns)};
  for (const Block& block : design.blocks) {
    std::vector<std::uint32_t> uses(std::size_t{block.table->rows()} + 1);
    for (std::size_t k = 0; k < design.size(); ++k) {
      if (design.weight(k) > 0) ++uses[block.row_of(k)];
    }
    for (std::uint32_t r = 0; r < block.table->rows(); ++r) {
      const SparseRows::Row row = block.table->row(r);
      for (std::size_t k = 0; k < row.size(); ++k) {
        if (row.values[k] == 0) continue;
        counts.examples[row.columns[k]] += uses[r];
        counts.squares[row.columns[k]] += uses[r] * double{row.values[k]} * double{row.values[k]};
      }
    }
  }
  return counts;
}

}  // namespace featherfm
