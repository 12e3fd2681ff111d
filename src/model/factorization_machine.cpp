#include "model/factorization_machine.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/simd.h"

namespace featherfm {

bool Variances::all_finite() const {
  return std::isfinite(constant) && finite(linear) && finite(factors.storage());
}

bool FactorizationMachine::all_finite() const {
  return std::isfinite(constant) && finite(linear) && finite(factors.storage());
}

Towers FactorizationMachine::towers() const {
  const std::size_t k = factors.columns();
  Towers result;
  result.factors = k;
  result.link = link;
  result.range = range;
  result.fold_in = fold_in;
  result.base_offset = constant;
  result.users = Matrix(space.users->rows(), k + 1);
  result.items = Matrix(space.items->rows(), k + 1);
  const auto fill = [&](const SparseRows& table, Matrix& tower, auto&& last_column) {
    const RowSums sums = row_sums(*this, table);
    for (std::uint32_t r = 0; r < table.rows(); ++r) {
      const auto vector = sums.vectors.columns_of(r);
      std::copy(vector.begin(), vector.end(), tower.row(r));
      // All that the columns of this side give among themselves.
      const float own =
          sums.constants[r] +
          0.5f * simd::dot(sums.vectors.row(r), sums.vectors.row(r), sums.vectors.stride());
      tower.row(r)[k] = last_column(own);
    }
  };
  result.user_offsets.reserve(space.users->rows());
  fill(*space.users, result.users, [&](float own) {
    result.user_offsets.push_back(constant + own);
    return 1.0f;
  });
  fill(*space.items, result.items, [](float own) { return own; });
  return result;
}

FactorizationMachine FactorizationMachine::translated(const std::vector<std::uint32_t>& new_columns,
                                                      std::size_t columns) const {
  FactorizationMachine result(columns, factors.columns());
  result.constant = constant;
  result.link = link;
  result.range = range;
  result.pairs = pairs;
  result.fold_in = fold_in;
  result.examples = examples;
  result.evidence.assign(evidence.empty() ? 0 : columns, 0.0f);
  for (std::size_t j = 0; j < new_columns.size(); ++j) {
    if (!evidence.empty()) result.evidence[new_columns[j]] = evidence[j];
    result.linear[new_columns[j]] = linear[j];
    std::ranges::copy(factors.columns_of(j), result.factors.row(new_columns[j]));
  }
  return result;
}

double score(const FactorizationMachine& model, const SparseRows::Row& row) {
  double result = model.constant;
  for (std::size_t k = 0; k < row.size(); ++k) {
    result += double{model.linear[row.columns[k]]} * double{row.values[k]};
  }
  for (std::size_t f = 0; f < model.factors.columns(); ++f) {
    double sum = 0, squares = 0;
    for (std::size_t k = 0; k < row.size(); ++k) {
      const double term = double{model.factors.row(row.columns[k])[f]} * double{row.values[k]};
      sum += term;
      squares += term * term;
    }
    result += 0.5 * (sum * sum - squares);
  }
  return result;
}

void RowSums::compute(const FactorizationMachine& model, const SparseRows& table,
                      std::uint32_t begin, std::uint32_t end) {
  const std::size_t stride = model.factors.stride();
  const bool all = model.pairs == Pairs::all;
  for (std::uint32_t r = begin; r < end; ++r) {
    const SparseRows::Row row = table.row(r);
    float* const sum = vectors.row(r);
    const float scale = model.space.normalized ? row.normalizer() : 1.0f;
    double constant = 0;
    for (std::size_t k = 0; k < row.size(); ++k) {
      const float x = scale * row.values[k];
      const float* v = model.factors.row(row.columns[k]);
      simd::axpy(x, v, sum, stride);
      constant += double{x} * double{model.linear[row.columns[k]]};
      if (all) constant -= 0.5 * double{x} * double{x} * double{simd::dot(v, v, stride)};
    }
    if (!all) constant -= 0.5 * double{simd::dot(sum, sum, stride)};
    constants[r] = static_cast<float>(constant);
  }
}

RowSums row_sums(const FactorizationMachine& model, const SparseRows& table) {
  RowSums sums(table, model.factors.columns());
  sums.compute(model, table, 0, table.rows());
  return sums;
}

void add_to(UserRow& user, const RowSums& sums, std::uint32_t r) {
  const auto vector = sums.vectors.columns_of(r);
  // |P + v|^2 / 2 = |P|^2 / 2 + <P, v> + |v|^2 / 2, and the first term is in the offset already.
  float cross = 0, square = 0;
  for (std::size_t f = 0; f < vector.size(); ++f) {
    cross += user.row[f] * vector[f];
    square += vector[f] * vector[f];
    user.row[f] += vector[f];
  }
  user.offset += sums.constants[r] + cross + 0.5f * square;
}

DesignScores::DesignScores(const FactorizationMachine& model, const Design& design)
    : model_(model), design_(design), scores_(design.size()), total_(model.factors.stride()) {
  for (const Block& block : design.blocks) {
    sums_.add(RowSums(*block.table, model.factors.columns()));
  }
}

bool DesignScores::advance() {
  constexpr std::size_t piece = 4096;
  std::size_t work = 0;
  if (!sums_.advance(model_, design_, piece, work)) return false;
  const std::size_t stride = model_.factors.stride();
  for (; example_ < scores_.size(); ++example_) {
    if (work++ > piece) return false;
    std::fill(total_.begin(), total_.end(), 0.0f);
    float sum = 0;
    for (std::size_t b = 0; b < sums_.size(); ++b) {
      const std::uint32_t r = design_.blocks[b].row_of(example_);
      sum += sums_[b].constants[r];
      simd::axpy(1, sums_[b].vectors.row(r), total_.data(), stride);
    }
    scores_[example_] =
        model_.constant + sum + 0.5f * simd::dot(total_.data(), total_.data(), stride);
  }
  return true;
}

std::vector<float> scores(const FactorizationMachine& model, const Design& design) {
  DesignScores scores(model, design);
  while (!scores.advance()) {
  }
  return scores.scores();
}

FieldStrength field_strength(const FactorizationMachine& model, const ColumnField& field) {
  FieldStrength strength;
  for (std::uint32_t j = field.begin; j < field.begin + field.columns; ++j) {
    const double w = model.linear[j];
    const float* v = model.factors.row(j);
    const double square = simd::dot(v, v, model.factors.stride());
    if (w == 0 && square == 0) continue;
    strength.linear += w * w;
    strength.factors += square;
    ++strength.used;
  }
  const double used = strength.used > 0 ? strength.used : 1;
  strength.linear = std::sqrt(strength.linear / used);
  strength.factors = std::sqrt(strength.factors / used);
  return strength;
}

}  // namespace featherfm
