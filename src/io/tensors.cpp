#include "io/tensors.h"

namespace featherfm {
namespace {

void require_finite(const std::string& name, std::span<const float> values) {
  if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
    malformed({name, " holds a number that is not finite"});
  }
}

}  // namespace

void TensorWriter::add_matrix(const std::string& name, const Matrix& matrix) {
  const auto& dense = dense_.emplace_back(matrix.without_padding());
  add<float>(name, "F32", {matrix.rows(), matrix.columns()}, dense);
}

const Tensor* TensorReader::find(const std::string& name, std::string_view dtype,
                                 std::size_t dimensions) const {
  const Tensor* tensor = file_.find_tensor(name);
  if (tensor && (tensor->dtype != dtype || tensor->shape.size() != dimensions)) {
    malformed({name, " must be ", dtype, " with ", dimensions, " dimensions; got ", tensor->dtype,
               " with ", tensor->shape.size()});
  }
  return tensor;
}

std::optional<std::vector<float>> TensorReader::floats(const std::string& name,
                                                       std::size_t size) const {
  auto values = list<float>(name, "F32");
  if (!values) return values;
  if (values->size() != size) malformed({name, " must have ", size, " entries"});
  require_finite(name, *values);
  return values;
}

Matrix TensorReader::matrix(const std::string& name) const {
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

std::string TensorReader::text(const std::string& key, const std::string& fallback) const {
  const std::string* found = file_.find_metadata(key);
  return found ? *found : fallback;
}

std::size_t TensorReader::choice(const std::string& key,
                                 std::initializer_list<const char*> choices) const {
  const std::string value = text(key, *choices.begin());
  const auto found = std::find(choices.begin(), choices.end(), value);
  if (found == choices.end()) malformed({"unknown ", key, " \"", value, "\""});
  return static_cast<std::size_t>(found - choices.begin());
}

std::uint32_t TensorReader::number(const std::string& key) const {
  const std::string digits = text(key, "");
  std::uint64_t value = 0;
  bool valid = !digits.empty() && digits.size() <= 10;
  for (const char c : digits) {
    valid = valid && c >= '0' && c <= '9';
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (!valid || value > 0xffffffffu) malformed({"the metadata ", key, " must be a whole number"});
  return static_cast<std::uint32_t>(value);
}

}  // namespace featherfm
