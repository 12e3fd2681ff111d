#include "io/model_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "base/error.h"

namespace featherfm {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors holds little-endian numbers");

// Owns the arrays that tensors point to until the file is written.
class TensorWriter {
 public:
  template <class T>
  void add(const std::string& name, const char* dtype, std::vector<std::uint64_t> shape,
           std::span<const T> values) {
    content.tensors.push_back({name, dtype, std::move(shape), std::as_bytes(values)});
  }
  void add_floats(const std::string& name, std::span<const float> values) {
    add(name, "F32", {values.size()}, values);
  }
  // Without the padding.
  void add_matrix(const std::string& name, const Matrix& matrix) {
    const auto& dense = dense_.emplace_back(matrix.without_padding());
    add<float>(name, "F32", {matrix.rows(), matrix.columns()}, dense);
  }

  TensorFile content;

 private:
  std::vector<std::vector<float>> dense_{};
};

class TensorReader {
 public:
  explicit TensorReader(const TensorFile& file) : file_(file) {}

  const Tensor* find(const std::string& name, std::string_view dtype,
                     std::size_t dimensions) const {
    const Tensor* tensor = file_.find_tensor(name);
    if (tensor && (tensor->dtype != dtype || tensor->shape.size() != dimensions)) {
      malformed({name, " must be ", dtype, " with ", dimensions, " dimensions; got ", tensor->dtype,
                 " with ", tensor->shape.size()});
    }
    return tensor;
  }

  template <class T>
  std::optional<std::vector<T>> list(const std::string& name, std::string_view dtype) const {
    const Tensor* tensor = find(name, dtype, 1);
    if (tensor == nullptr) return std::nullopt;
    std::vector<T> values(tensor->bytes.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
    return values;
  }

  std::optional<std::vector<float>> floats(const std::string& name, std::size_t size) const {
    auto values = list<float>(name, "F32");
    if (!values) return values;
    if (values->size() != size) malformed({name, " must have ", size, " entries"});
    require_finite(name, *values);
    return values;
  }

  Matrix matrix(const std::string& name) const {
    const Tensor* tensor = find(name, "F32", 2);
    if (tensor == nullptr) malformed({"it has no tensor ", name});
    // Indices have 32 bits; a matrix without columns takes no bytes and could claim any number of
    // rows.
    if (tensor->shape[0] >= (std::uint64_t{1} << 28) || tensor->shape[1] > 65536) {
      malformed({name, " is too large"});
    }
    const auto rows = static_cast<std::size_t>(tensor->shape[0]);
    const auto columns = static_cast<std::size_t>(tensor->shape[1]);
    Matrix result(rows, columns);
    for (std::size_t r = 0; r < rows && columns > 0; ++r) {
      std::memcpy(result.row(r), tensor->bytes.data() + r * columns * sizeof(float),
                  columns * sizeof(float));
    }
    require_finite(name, result.storage());
    return result;
  }

  std::string text(const std::string& key, const std::string& fallback) const {
    const std::string* found = file_.find_metadata(key);
    return found ? *found : fallback;
  }

  // The index of the text among `choices`.
  std::size_t choice(const std::string& key, std::initializer_list<const char*> choices) const {
    const std::string value = text(key, *choices.begin());
    const auto found = std::find(choices.begin(), choices.end(), value);
    if (found == choices.end()) malformed({"unknown ", key, " \"", value, "\""});
    return static_cast<std::size_t>(found - choices.begin());
  }

 private:
  static void require_finite(const std::string& name, std::span<const float> values) {
    if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
      malformed({name, " holds a number that is not finite"});
    }
  }

  const TensorFile& file_;
};

SeenItems read_seen(const TensorReader& reader, std::size_t users, std::size_t items) {
  const auto offsets = reader.list<std::uint32_t>("seen_offsets", "U32");
  const auto seen = reader.list<std::uint32_t>("seen_items", "U32");
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
  return result;
}

}  // namespace

std::vector<std::byte> write_model(const ModelFile& file, const SaveOptions& options) {
  const MatrixFactorization& model = file.model;
  TensorWriter writer;
  writer.content.metadata = {
      {"format", "featherfm"},
      {"format_version", "1"},
      {"family", file.family},
      {"options", file.options},
      {"link", model.link == Link::logistic ? "logistic" : "identity"},
      {"user_bias", model.fold_in.user_bias ? "true" : "false"},
      {"fill", model.fold_in.fill == FoldInRule::Fill::per_item    ? "per_item"
               : model.fold_in.fill == FoldInRule::Fill::user_mean ? "user_mean"
                                                                   : "none"},
  };
  const float range[] = {model.range.low, model.range.high};
  const float fold_in[] = {model.fold_in.regularization, model.fold_in.bias_regularization,
                           model.fold_in.frequency_scaling};
  writer.add_matrix("user_factors", model.user_factors);
  writer.add_matrix("item_factors", model.item_factors);
  writer.add_floats("user_biases", model.user_biases);
  writer.add_floats("item_biases", model.item_biases);
  writer.add_floats("global_bias", {&model.global_bias, 1});
  writer.add_floats("value_range", range);
  writer.add_floats("fold_in", fold_in);
  if (!model.fold_in.item_fill.empty()) writer.add_floats("item_fill", model.fold_in.item_fill);
  if (!model.singular_values.empty()) writer.add_floats("singular_values", model.singular_values);
  if (options.seen && file.seen.offsets.size() == model.users() + 1) {
    writer.add<std::uint32_t>("seen_offsets", "U32", {file.seen.offsets.size()}, file.seen.offsets);
    writer.add<std::uint32_t>("seen_items", "U32", {file.seen.items.size()}, file.seen.items);
  }
  for (const auto& [name, ids] :
       {std::pair{"user_ids", &options.user_ids}, {"item_ids", &options.item_ids}}) {
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
  if (result.family != "mf" && result.family != "svd" && result.family != "popularity") {
    malformed({"unknown family \"", result.family, "\""});
  }
  result.options = reader.text("options", "{}");

  MatrixFactorization& model = result.model;
  model.user_factors = reader.matrix("user_factors");
  model.item_factors = reader.matrix("item_factors");
  if (model.user_factors.columns() != model.item_factors.columns()) {
    malformed({"user_factors and item_factors differ in their number of factors"});
  }
  const std::size_t users = model.user_factors.rows(), items = model.item_factors.rows();
  // Without columns the matrices take no bytes: rows that nothing in the file pays for could claim
  // all memory.
  if (model.factors() == 0 &&
      (!content.find_tensor("user_biases") || !content.find_tensor("item_biases"))) {
    malformed({"without factors it needs user_biases and item_biases"});
  }
  model.user_biases = reader.floats("user_biases", users).value_or(std::vector<float>(users));
  model.item_biases = reader.floats("item_biases", items).value_or(std::vector<float>(items));
  model.global_bias = reader.floats("global_bias", 1).value_or(std::vector<float>(1))[0];
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
  model.fold_in.fill = std::array{
      FoldInRule::Fill::none, FoldInRule::Fill::per_item,
      FoldInRule::Fill::user_mean}[reader.choice("fill", {"none", "per_item", "user_mean"})];
  if (model.fold_in.fill == FoldInRule::Fill::per_item) {
    auto fill = reader.floats("item_fill", items);
    if (!fill) malformed({"it has no tensor item_fill"});
    model.fold_in.item_fill = std::move(*fill);
  }
  if (model.fold_in.fill != FoldInRule::Fill::none && model.fold_in.user_bias) {
    malformed({"a filled matrix has no user bias"});
  }
  if (auto singular = reader.floats("singular_values", model.factors());
      singular && result.family == "svd") {
    model.singular_values = std::move(*singular);
  }
  result.seen = read_seen(reader, users, items);
  for (const auto& [name, ids] :
       {std::pair{"user_ids", &result.user_ids}, {"item_ids", &result.item_ids}}) {
    if (const auto text = reader.list<char>(name, "U8")) ids->assign(text->begin(), text->end());
  }
  return result;
}

}  // namespace featherfm
