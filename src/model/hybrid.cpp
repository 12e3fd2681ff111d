#include "model/hybrid.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/simd.h"

namespace featherfm {

bool HybridModel::all_finite() const {
  return finite(rows.storage()) && finite(squares.storage()) && finite(steps.storage());
}

Towers HybridModel::towers() const {
  return towers(*space.users, *space.items);
}

Towers HybridModel::towers(const SparseRows& users, const SparseRows& items) const {
  const std::size_t k = factors();
  Towers result;
  result.factors = k;
  result.link = link;
  result.range = range;
  result.fold_in = fold_in;
  result.users = Matrix(users.rows(), k + 1);
  result.items = Matrix(items.rows(), k + 1);
  for (std::uint32_t u = 0; u < users.rows(); ++u) {
    std::ranges::copy(represent(*this, users, u), result.users.row(u));
    result.user_offsets.push_back(std::exchange(result.users.row(u)[k], 1.0f));
  }
  for (std::uint32_t i = 0; i < items.rows(); ++i) {
    std::ranges::copy(represent(*this, items, i), result.items.row(i));
  }
  return result;
}

namespace {

// What the entries of a row are to be multiplied by for their absolute values to sum to 1.
float share_of(const SparseRows::Row& row) {
  double sum = 0;
  for (const float value : row.values) sum += std::abs(double{value});
  return sum > 0 ? static_cast<float>(1 / sum) : 1.0f;
}

}  // namespace

SparseRows normalized(const SparseRows& table) {
  SparseRows result = table;
  for (std::uint32_t r = 0; r < table.rows(); ++r) {
    const float share = share_of(table.row(r));
    for (std::uint32_t k = table.offsets[r]; k < table.offsets[r + 1]; ++k) {
      result.values[k] *= share;
    }
  }
  return result;
}

AlignedFloats represent(const HybridModel& model, const SparseRows& table, std::uint32_t r) {
  AlignedFloats sum(model.rows.stride());
  const SparseRows::Row row = table.row(r);
  const float share = model.normalize ? share_of(row) : 1.0f;
  for (std::size_t k = 0; k < row.size(); ++k) {
    simd::axpy(row.values[k] * share, model.rows.row(row.columns[k]), sum.data(), sum.size());
  }
  return sum;
}

FieldStrength field_strength(const HybridModel& model, const ColumnField& field) {
  FieldStrength strength;
  for (std::uint32_t j = field.begin; j < field.begin + field.columns; ++j) {
    const float* row = model.rows.row(j);
    const double bias = row[model.factors()];
    strength.add(bias, double{simd::dot(row, row, model.rows.stride())} - bias * bias);
  }
  return strength.root_means();
}

}  // namespace featherfm
