// Named tensors with their types, on top of safetensors: what the readers and writers of models
// share.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/matrix.h"
#include "io/safetensors.h"

namespace featherfm {

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
  void add_indices(const std::string& name, std::span<const std::uint32_t> values) {
    add(name, "U32", {values.size()}, values);
  }
  // A few numbers, copied.
  void add_numbers(const std::string& name, std::initializer_list<float> values) {
    add_floats(name, dense_.emplace_back(values));
  }
  // Without the padding.
  void add_matrix(const std::string& name, const Matrix& matrix);
  void add_text(const std::string& key, std::string text) {
    content.metadata.push_back({key, std::move(text)});
  }

  TensorFile content;

 private:
  std::deque<std::vector<float>> dense_;
};

// Refuses, with Error{malformed_file}, tensors of another type or shape than asked for and numbers
// that are not finite.
class TensorReader {
 public:
  explicit TensorReader(const TensorFile& file) : file_(file) {}

  const Tensor* find(const std::string& name, std::string_view dtype, std::size_t dimensions) const;

  template <class T>
  std::optional<std::vector<T>> list(const std::string& name, std::string_view dtype) const {
    const Tensor* tensor = find(name, dtype, 1);
    if (tensor == nullptr) return std::nullopt;
    std::vector<T> values(tensor->bytes.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
    return values;
  }
  std::optional<std::vector<std::uint32_t>> indices(const std::string& name) const {
    return list<std::uint32_t>(name, "U32");
  }
  std::optional<std::vector<float>> floats(const std::string& name, std::size_t size) const;
  Matrix matrix(const std::string& name) const;

  std::string text(const std::string& key, const std::string& fallback) const;
  // The index of the text among `choices`.
  std::size_t choice(const std::string& key, std::initializer_list<const char*> choices) const;
  // A whole number in decimal digits.
  std::uint32_t number(const std::string& key) const;

 private:
  const TensorFile& file_;
};

}  // namespace featherfm
