// Features: real-valued columns, most of them zero, grouped in fields. A field belongs to the
// users, to the items or to the context of an interaction.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace featherfm {

// A sparse matrix in compressed rows (CSR).
struct SparseRows {
  std::vector<std::uint32_t> offsets{0};  // rows + 1; row r is [offsets[r], offsets[r + 1])
  std::vector<std::uint32_t> columns;
  std::vector<float> values;  // beside columns

  struct Row {
    std::span<const std::uint32_t> columns;
    std::span<const float> values;
    std::size_t size() const { return columns.size(); }
    // 1 / the sum of the absolute values; 1 for a row of nothing.
    float normalizer() const {
      double sum = 0;
      for (const float value : values) sum += std::abs(double{value});
      return sum > 0 ? static_cast<float>(1 / sum) : 1.0f;
    }
  };

  std::uint32_t rows() const { return static_cast<std::uint32_t>(offsets.size() - 1); }
  std::size_t entries() const { return columns.size(); }

  // Rows behind the last one are empty: they stand for a user, item or context nothing is known of.
  Row row(std::uint32_t r) const {
    if (r >= rows()) return {};
    const std::size_t begin = offsets[r], size = offsets[r + 1] - begin;
    return {std::span(columns).subspan(begin, size), std::span(values).subspan(begin, size)};
  }

  void add(std::uint32_t column, float value) {
    columns.push_back(column);
    values.push_back(value);
  }
  void end_row() { offsets.push_back(static_cast<std::uint32_t>(columns.size())); }

  // The same rows, each divided by the sum of its absolute values.
  SparseRows normalized() const;

  // The rows at these indices, in their order; an index behind the last row gives an empty one.
  SparseRows subset(std::span<const std::uint32_t> indices) const;
};

// Throws Error unless the offsets ascend from 0 to the number of entries, every column is below
// `columns` and met at most once in its row, and every value is finite. `argument` is what the
// caller calls the rows. Errors: size_mismatch, out_of_range, not_finite, duplicate.
void validate(const SparseRows& rows, std::uint32_t columns, std::string_view argument);

enum class Side { user, item, context };

// One field as it comes in: a row per user, per item, or per context (data/interactions.h), with
// columns counted within the field.
struct FeatureField {
  std::string name;
  Side side = Side::context;
  std::uint32_t columns = 0;
  SparseRows rows;
};

}  // namespace featherfm
