#include "io/space_file.h"

#include <array>
#include <cmath>

#include "base/error.h"

namespace featherfm {
namespace {

constexpr std::array side_names{"user", "item", "context"};
constexpr std::uint32_t most_fields = 300;  // safetensors.cpp takes about a thousand texts

std::string field_key(std::uint32_t field, const char* what) {
  return joined({"field_", field, "_", what});
}

void write_rows(TensorWriter& writer, const std::string& side, const SparseRows& rows) {
  writer.add_indices(side + "_row_offsets", rows.offsets);
  writer.add_indices(side + "_row_columns", rows.columns);
  writer.add_floats(side + "_row_values", rows.values);
}

std::shared_ptr<const SparseRows> read_rows(const TensorReader& reader, const std::string& side,
                                            std::uint32_t columns) {
  SparseRows rows;
  auto offsets = reader.indices(side + "_row_offsets");
  auto entries = reader.indices(side + "_row_columns");
  if (!offsets || !entries) malformed({"it has no rows of the ", side, "s"});
  auto values = reader.floats(side + "_row_values", entries->size());
  if (!values || offsets->empty()) malformed({"it has no rows of the ", side, "s"});
  rows.offsets = std::move(*offsets);
  rows.columns = std::move(*entries);
  rows.values = std::move(*values);
  try {
    validate(rows, columns, side);
  } catch (const Error& error) {
    malformed({error.what()});
  }
  return std::make_shared<const SparseRows>(std::move(rows));
}

}  // namespace

void write_space(TensorWriter& writer, const FeatureSpace& space) {
  if (space.fields.size() > most_fields) {
    fail(ErrorCode::out_of_range, "fields",
         {"a model of more than ", most_fields, " fields cannot be saved"});
  }
  writer.add_text("fields", joined({space.fields.size()}));
  for (std::uint32_t g = 0; g < space.fields.size(); ++g) {
    const ColumnField& field = space.fields[g];
    writer.add_text(field_key(g, "name"), field.name);
    writer.add_text(field_key(g, "side"), side_names[static_cast<std::size_t>(field.side)]);
    writer.add_text(field_key(g, "columns"), joined({field.columns}));
  }
  writer.add_text("units_per_day", joined({space.units_per_day}));
  writer.add_text("set_scale", space.set_scale == SetScale::mean ? "mean" : "root");
  write_rows(writer, "user", *space.users);
  write_rows(writer, "item", *space.items);
  writer.add<double>("days", "F64", {space.days.size()}, space.days);
}

FeatureSpace read_space(const TensorReader& reader, std::size_t columns) {
  FeatureSpace space;
  const std::uint32_t fields = reader.number("fields");
  if (fields > most_fields) malformed({"it has too many fields"});
  std::uint64_t end = 0;
  for (std::uint32_t g = 0; g < fields; ++g) {
    ColumnField field;
    field.name = reader.text(field_key(g, "name"), "");
    if (field.name.empty() || space.find(field.name)) {
      malformed({"a field has no name of its own"});
    }
    field.side = std::array{Side::user, Side::item, Side::context}[reader.choice(
        field_key(g, "side"), {side_names[0], side_names[1], side_names[2]})];
    field.begin = static_cast<std::uint32_t>(end);
    field.columns = reader.number(field_key(g, "columns"));
    end += field.columns;
    if (end > columns) malformed({"the fields have more columns than the model"});
    space.fields.push_back(std::move(field));
  }
  if (end != columns) malformed({"the fields have fewer columns than the model"});

  space.users = read_rows(reader, "user", static_cast<std::uint32_t>(columns));
  space.items = read_rows(reader, "item", static_cast<std::uint32_t>(columns));
  space.days = reader.list<double>("days", "F64").value_or(std::vector<double>{});
  space.units_per_day = reader.number("units_per_day");
  space.set_scale =
      reader.choice("set_scale", {"root", "mean"}) == 1 ? SetScale::mean : SetScale::root;
  const ColumnField* day = space.day();
  const bool fitting = space.days.empty() || (day && day->columns == space.days.size());
  if (!fitting || space.units_per_day == 0) {
    malformed({"its days do not fit the field \"day\""});
  }
  for (const double value : space.days) {
    if (!std::isfinite(value)) malformed({"days holds a number that is not finite"});
  }
  return space;
}

}  // namespace featherfm
