#include "io/fm_file.h"

#include <algorithm>
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

void write_fm(TensorWriter& writer, const FactorizationMachine& model) {
  const FeatureSpace& space = model.space;
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
  writer.add_matrix("factors", model.factors);
  writer.add_floats("linear", model.linear);
  writer.add_floats("constant", {&model.constant, 1});
  writer.add_floats("evidence", model.evidence);
  writer.add_floats("examples", {&model.examples, 1});
  write_rows(writer, "user", *space.users);
  write_rows(writer, "item", *space.items);
  writer.add<double>("days", "F64", {space.days.size()}, space.days);
}

FactorizationMachine read_fm(const TensorReader& reader) {
  FactorizationMachine model;
  model.factors = reader.matrix("factors");
  const std::size_t columns = model.factors.rows();
  auto linear = reader.floats("linear", columns);
  auto constant = reader.floats("constant", 1);
  if (!linear || !constant) malformed({"a factorization machine needs linear and constant"});
  model.linear = std::move(*linear);
  model.constant = constant->front();
  if (const Tensor* evidence = reader.find("evidence", "F32", 1);
      evidence && !evidence->bytes.empty()) {
    model.evidence = *reader.floats("evidence", columns);
  }
  model.examples = reader.floats("examples", 1).value_or(std::vector<float>(1))[0];
  if (model.examples < 0 ||
      std::ranges::any_of(model.evidence, [](float squares) { return squares < 0; })) {
    malformed({"evidence and examples must not be negative"});
  }

  const std::uint32_t fields = reader.number("fields");
  if (fields > most_fields) malformed({"it has too many fields"});
  std::uint64_t end = 0;
  for (std::uint32_t g = 0; g < fields; ++g) {
    ColumnField field;
    field.name = reader.text(field_key(g, "name"), "");
    if (field.name.empty() || model.space.find(field.name)) {
      malformed({"a field has no name of its own"});
    }
    field.side = std::array{Side::user, Side::item, Side::context}[reader.choice(
        field_key(g, "side"), {side_names[0], side_names[1], side_names[2]})];
    field.begin = static_cast<std::uint32_t>(end);
    field.columns = reader.number(field_key(g, "columns"));
    end += field.columns;
    if (end > columns) malformed({"the fields have more columns than the model"});
    model.space.fields.push_back(std::move(field));
  }
  if (end != columns) malformed({"the fields have fewer columns than the model"});

  model.space.users = read_rows(reader, "user", static_cast<std::uint32_t>(columns));
  model.space.items = read_rows(reader, "item", static_cast<std::uint32_t>(columns));
  model.space.days = reader.list<double>("days", "F64").value_or(std::vector<double>{});
  model.space.units_per_day = reader.number("units_per_day");
  model.space.set_scale =
      reader.choice("set_scale", {"root", "mean"}) == 1 ? SetScale::mean : SetScale::root;
  model.fold_in.own_parameters = model.space.find(user_field) != nullptr;
  const ColumnField* day = model.space.day();
  const bool fitting = model.space.days.empty() || (day && day->columns == model.space.days.size());
  if (!fitting || model.space.units_per_day == 0) {
    malformed({"its days do not fit the field \"day\""});
  }
  for (const double value : model.space.days) {
    if (!std::isfinite(value)) malformed({"days holds a number that is not finite"});
  }
  return model;
}

}  // namespace featherfm
