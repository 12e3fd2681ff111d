#include "io/model_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "io/fm_file.h"
#include "io/tensors.h"

namespace featherfm {
namespace {

SeenItems read_seen(const TensorReader& reader, std::size_t users, std::size_t items) {
  const auto offsets = reader.indices("seen_offsets");
  const auto seen = reader.indices("seen_items");
  if (offsets.has_value() != seen.has_value()) malformed({"half of the seen items is missing"});
  SeenItems result;
  if (!offsets) return result;
  if (offsets->size() != users + 1 || offsets->front() != 0 || offsets->back() != seen->size() ||
      !std::is_sorted(offsets->begin(), offsets->end())) {
    malformed({"seen_offsets do not fit the users and seen_items"});
  }
  if (std::any_of(seen->begin(), seen->end(), [&](std::uint32_t item) { return item >= items; })) {
    malformed({"seen_items names an item that is not there"});
  }
  result.offsets = *offsets;
  result.items = *seen;
  result.values = reader.floats("seen_values", seen->size()).value_or(std::vector<float>{});
  return result;
}

// Of a model whose users are what they met.
SeenItems read_seen(const TensorReader& reader, std::size_t items) {
  const auto offsets = reader.indices("seen_offsets");
  SeenItems seen = read_seen(reader, offsets && !offsets->empty() ? offsets->size() - 1 : 0, items);
  if (!seen.has_values()) malformed({"it has no tensor seen_values"});
  return seen;
}

void write_neighbours(TensorWriter& writer, const ItemNeighbours& model) {
  writer.add_indices("neighbour_offsets", model.offsets());
  writer.add_indices("neighbour_items", model.neighbours());
  writer.add_floats("neighbour_similarities", model.similarities());
}

ItemNeighbours read_neighbours(const TensorReader& reader) {
  auto offsets = reader.indices("neighbour_offsets");
  auto neighbours = reader.indices("neighbour_items");
  if (!offsets || !neighbours) malformed({"it has no neighbours"});
  auto similarities = reader.floats("neighbour_similarities", neighbours->size());
  if (!similarities) malformed({"it has no tensor neighbour_similarities"});
  if (offsets->empty() || offsets->front() != 0 || offsets->back() != neighbours->size() ||
      !std::ranges::is_sorted(*offsets)) {
    malformed({"neighbour_offsets do not fit neighbour_items"});
  }
  const auto items = static_cast<std::uint32_t>(offsets->size() - 1);
  std::vector<std::uint32_t> met(items, items);  // the last list that each item was met in
  for (std::uint32_t item = 0; item < items; ++item) {
    for (std::uint32_t e = (*offsets)[item]; e < (*offsets)[item + 1]; ++e) {
      const std::uint32_t other = (*neighbours)[e];
      if (other >= items || other == item || met[other] == item) {
        malformed({"neighbour_items must name other items of the model, each once"});
      }
      met[other] = item;
      const bool first = e == (*offsets)[item];
      if (!((*similarities)[e] > 0) || (!first && (*similarities)[e] > (*similarities)[e - 1])) {
        malformed({"neighbour_similarities must be above 0, the largest of each item first"});
      }
    }
  }
  return ItemNeighbours(std::move(*offsets), std::move(*neighbours), std::move(*similarities));
}

void read_implicit(const TensorReader& reader, MatrixFactorization& model) {
  const auto rule = reader.floats("implicit", 4).value_or(std::vector{1.0f, 1.0f, 0.0f, 0.0f});
  if (!(rule[0] > 0) || rule[0] > 3e38f || rule[1] < 0 || rule[1] > 1e6f ||
      (rule[2] != 0 && rule[2] != 1)) {
    malformed({"implicit is out of range"});
  }
  const auto any = [](const std::vector<float>& values) {
    return std::ranges::any_of(values, [](float x) { return x != 0; });
  };
  if (model.factors() == 0 || model.global_bias != 0 || any(model.user_biases) ||
      any(model.item_biases) || model.fold_in.user_bias || model.link != Link::identity ||
      model.fold_in.fill != FoldInRule::Fill::none) {
    malformed({"a model of implicit feedback has factors and nothing else"});
  }
  model.fold_in.implicit = ImplicitRule{rule[0], rule[1], std::nullopt};
  if (rule[2] == 1) model.fold_in.implicit->positive_from = rule[3];
}

void write_mf(TensorWriter& writer, const MatrixFactorization& model) {
  writer.add_text("fill", model.fold_in.fill == FoldInRule::Fill::per_item    ? "per_item"
                          : model.fold_in.fill == FoldInRule::Fill::user_mean ? "user_mean"
                                                                              : "none");
  writer.add_matrix("user_factors", model.user_factors);
  writer.add_matrix("item_factors", model.item_factors);
  writer.add_floats("user_biases", model.user_biases);
  writer.add_floats("item_biases", model.item_biases);
  writer.add_floats("global_bias", {&model.global_bias, 1});
  if (!model.fold_in.item_fill.empty()) writer.add_floats("item_fill", model.fold_in.item_fill);
  if (const auto& rule = model.fold_in.implicit) {
    writer.add_numbers("implicit",
                       {rule->alpha, rule->unobserved_weight, rule->positive_from ? 1.0f : 0.0f,
                        rule->positive_from.value_or(0)});
  }
  if (!model.singular_values.empty()) writer.add_floats("singular_values", model.singular_values);
}

MatrixFactorization read_mf(const TensorReader& reader) {
  MatrixFactorization model;
  model.user_factors = reader.matrix("user_factors");
  model.item_factors = reader.matrix("item_factors");
  if (model.user_factors.columns() != model.item_factors.columns()) {
    malformed({"user_factors and item_factors differ in their number of factors"});
  }
  const std::size_t users = model.user_factors.rows(), items = model.item_factors.rows();
  // Without columns the matrices take no bytes: rows that nothing in the file pays for could claim
  // all memory.
  if (model.factors() == 0 &&
      (!reader.find("user_biases", "F32", 1) || !reader.find("item_biases", "F32", 1))) {
    malformed({"without factors it needs user_biases and item_biases"});
  }
  model.user_biases = reader.floats("user_biases", users).value_or(std::vector<float>(users));
  model.item_biases = reader.floats("item_biases", items).value_or(std::vector<float>(items));
  model.global_bias = reader.floats("global_bias", 1).value_or(std::vector<float>(1))[0];
  model.fold_in.fill = std::array{
      FoldInRule::Fill::none, FoldInRule::Fill::per_item,
      FoldInRule::Fill::user_mean}[reader.choice("fill", {"none", "per_item", "user_mean"})];
  if (model.fold_in.fill == FoldInRule::Fill::per_item) {
    auto fill = reader.floats("item_fill", items);
    if (!fill) malformed({"it has no tensor item_fill"});
    model.fold_in.item_fill = std::move(*fill);
  }
  if (auto singular = reader.floats("singular_values", model.factors())) {
    model.singular_values = std::move(*singular);
  }
  return model;
}

// What the models of all families have.
template <class Model>
void write_common(TensorWriter& writer, const Model& model) {
  writer.add_text("link", model.link == Link::logistic ? "logistic" : "identity");
  writer.add_text("user_bias", model.fold_in.user_bias ? "true" : "false");
  writer.add_numbers("value_range", {model.range.low, model.range.high});
  writer.add_numbers("fold_in", {model.fold_in.regularization, model.fold_in.bias_regularization,
                                 model.fold_in.frequency_scaling});
}

template <class Model>
void read_common(const TensorReader& reader, Model& model) {
  constexpr float unlimited = std::numeric_limits<float>::max();
  const auto range = reader.floats("value_range", 2).value_or(std::vector{-unlimited, unlimited});
  model.range = {range[0], range[1]};
  if (range[0] > range[1]) malformed({"value_range is upside down"});
  model.link =
      reader.choice("link", {"identity", "logistic"}) == 1 ? Link::logistic : Link::identity;
  const float span = range[1] - range[0];
  if (model.link == Link::logistic && !(std::isfinite(span) && span > 0)) {
    malformed({"the logistic link needs a value_range of two different numbers"});
  }
  const auto rule = reader.floats("fold_in", 3).value_or(std::vector{0.1f, 0.1f, 1.0f});
  if (rule[0] < 0 || rule[1] < 0 || rule[2] < 0 || rule[2] > 1)
    malformed({"fold_in is out of range"});
  model.fold_in.regularization = rule[0];
  model.fold_in.bias_regularization = rule[1];
  model.fold_in.frequency_scaling = rule[2];
  model.fold_in.user_bias = reader.choice("user_bias", {"true", "false"}) == 0;
  if (model.fold_in.fill != FoldInRule::Fill::none && model.fold_in.user_bias) {
    malformed({"a filled matrix has no user bias"});
  }
}

}  // namespace

std::size_t ModelFile::users() const {
  if (neighbours()) return seen.users();
  return is_fm() ? fm().space.users->rows() : mf().users();
}

std::size_t ModelFile::items() const {
  if (neighbours()) return neighbours()->items();
  return is_fm() ? fm().space.items->rows() : mf().items();
}

Towers ModelFile::towers() const {
  if (neighbours()) return neighbours()->towers(users());
  return is_fm() ? fm().towers() : mf().towers();
}

std::vector<std::byte> write_model(const ModelFile& file, const SaveOptions& options) {
  TensorWriter writer;
  writer.add_text("format", "featherfm");
  writer.add_text("format_version", "1");
  writer.add_text("family", file.family);
  writer.add_text("options", file.options);
  if (!file.features.empty()) writer.add_text("features", file.features);
  if (const ItemNeighbours* const neighbours = file.neighbours()) {
    write_neighbours(writer, *neighbours);
  } else if (file.is_fm()) {
    write_fm(writer, file.fm());
    write_common(writer, file.fm());
  } else {
    write_mf(writer, file.mf());
    write_common(writer, file.mf());
  }
  if (options.seen && file.seen.offsets.size() == file.users() + 1) {
    writer.add_indices("seen_offsets", file.seen.offsets);
    writer.add_indices("seen_items", file.seen.items);
    if (file.seen.has_values()) writer.add_floats("seen_values", file.seen.values);
  }
  for (const auto& [name, ids] :
       {std::pair{"user_ids", &options.user_ids}, {"item_ids", &options.item_ids}}) {
    if (ids == &options.user_ids && file.neighbours() && !options.seen) continue;
    if (!ids->empty()) writer.add<char>(name, "U8", {ids->size()}, *ids);
  }
  return write_safetensors(writer.content);
}

ModelFile read_model(Bytes bytes) {
  const TensorFile content = read_safetensors(bytes);
  const TensorReader reader(content);
  if (reader.text("format_version", "1") != "1") {
    malformed({"it has format version ", reader.text("format_version", ""),
               "; this version of FeatherFM reads version 1"});
  }
  ModelFile result;
  result.family = reader.text("family", "mf");
  if (result.family == "fm" || result.family == "hybrid") {
    FactorizationMachine model = read_fm(reader);
    if ((model.pairs == Pairs::between_sides) != (result.family == "hybrid")) {
      malformed({"its pairs are not those of its family"});
    }
    read_common(reader, model);
    result.model = std::move(model);
  } else if (result.family == "item-knn") {
    result.model = read_neighbours(reader);
  } else if (result.family == "mf" || result.family == "svd" || result.family == "popularity" ||
             result.family == "biases" || result.family == "implicit-als") {
    MatrixFactorization model = read_mf(reader);
    read_common(reader, model);
    if (result.family == "implicit-als") read_implicit(reader, model);
    result.model = std::move(model);
  } else {
    malformed({"unknown family \"", result.family, "\""});
  }
  result.options = reader.text("options", "{}");
  result.features = reader.text("features", "");
  result.seen = result.neighbours() ? read_seen(reader, result.items())
                                    : read_seen(reader, result.users(), result.items());
  for (const auto& [name, ids] :
       {std::pair{"user_ids", &result.user_ids}, {"item_ids", &result.item_ids}}) {
    if (const auto text = reader.list<char>(name, "U8")) ids->assign(text->begin(), text->end());
  }
  return result;
}

}  // namespace featherfm
