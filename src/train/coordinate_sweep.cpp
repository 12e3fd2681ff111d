#include "train/coordinate_sweep.h"

#include <algorithm>

namespace featherfm {
namespace {

// Examples, and columns, between two pauses.
constexpr std::size_t example_piece = 1 << 15, column_piece = 512;

}  // namespace

CoordinateSweep::CoordinateSweep(const Design& design) : errors_(design.size()), q_(design.size()) {
  std::vector<std::uint32_t> place(design.columns);
  for (const Block& block : design.blocks) {
    BlockState& state = blocks_.emplace_back();
    state.block = &block;
    const SparseRows& table = *block.table;
    // The table by columns: count, lay out, fill.
    std::fill(place.begin(), place.end(), 0u);
    for (const std::uint32_t column : table.columns) ++place[column];
    std::uint32_t end = 0;
    for (std::uint32_t column = 0; column < design.columns; ++column) {
      if (place[column] == 0) continue;
      state.columns.push_back({column, end, end + place[column]});
      end += place[column];
      place[column] = state.columns.back().begin;
    }
    state.entries.resize(table.entries());
    for (std::uint32_t r = 0; r < table.rows(); ++r) {
      const SparseRows::Row row = table.row(r);
      for (std::size_t k = 0; k < row.size(); ++k) {
        state.entries[place[row.columns[k]]++] = {r, row.values[k]};
      }
    }
    const std::size_t rows = std::size_t{table.rows()} + 1;
    state.weight.resize(rows);
    state.q.resize(rows);
    state.sums.resize(rows);
    state.changes.resize(rows);
  }
  set_weights(design.weights);
}

void CoordinateSweep::set_weights(std::vector<float> weights) {
  weights_ = std::move(weights);
  total_weight_ = 0;
  for (BlockState& state : blocks_) std::fill(state.weight.begin(), state.weight.end(), 0.0);
  for (std::size_t k = 0; k < errors_.size(); ++k) {
    const double weight = weights_.empty() ? 1.0 : double{weights_[k]};
    total_weight_ += weight;
    for (BlockState& state : blocks_) state.weight[state.block->row_of(k)] += weight;
  }
}

Work CoordinateSweep::run(FactorizationMachine& model, CoordinateRule& rule, Parts parts) {
  const std::size_t size = errors_.size(), k = model.factors.columns();
  const double steps = static_cast<double>(k + 1);
  fraction_ = 0;
  if (parts.constant) {
    double sum = 0;
    for (std::size_t i = 0; i < size; i += example_piece) {
      sum += sum_of_errors(i, std::min(size, i + example_piece));
      co_yield Pause{};
    }
    const float chosen = rule.choose_constant(total_weight_, sum, model.constant);
    const float change = chosen - model.constant;
    model.constant = chosen;
    for (std::size_t i = 0; i < size; ++i) {
      errors_[i] += change;
      if (i % example_piece == 0) co_yield Pause{};
    }
  }
  if (parts.linear) {
    float* const w = model.linear.data();
    rule.begin_linear(w);
    for (BlockState& state : blocks_) {
      begin_linear(state);
      for (std::size_t i = 0; i < size; i += example_piece) {
        gather_linear(state, i, std::min(size, i + example_piece));
        co_yield Pause{};
      }
      const std::size_t columns = state.columns.size();
      for (std::size_t l = 0; l < columns; l += column_piece) {
        update_linear(state, l, std::min(columns, l + column_piece), w, rule);
        co_yield Pause{};
      }
      end_block(state);
      for (std::size_t i = 0; i < size; i += example_piece) {
        scatter_linear(state, i, std::min(size, i + example_piece));
        co_yield Pause{};
      }
    }
  }
  // Of one factor, column after column; the model has the factors of a column side by side.
  std::vector<float> v(model.columns());
  for (std::uint32_t f = 0; f < k; ++f) {
    fraction_ = (f + 1) / steps;
    for (std::size_t j = 0; j < v.size(); ++j) v[j] = model.factors.row(j)[f];
    rule.begin_factor(f, v.data());
    begin_factor(v.data());
    for (std::size_t i = 0; i < size; i += example_piece) {
      sum_factor(i, std::min(size, i + example_piece));
      co_yield Pause{};
    }
    for (BlockState& state : blocks_) {
      begin_block(state);
      for (std::size_t i = 0; i < size; i += example_piece) {
        const std::size_t end = std::min(size, i + example_piece);
        weights_.empty() ? gather<false>(state, i, end) : gather<true>(state, i, end);
        co_yield Pause{};
      }
      const std::size_t columns = state.columns.size();
      for (std::size_t l = 0; l < columns; l += column_piece) {
        update(state, l, std::min(columns, l + column_piece), v.data(), rule);
        co_yield Pause{};
      }
      end_block(state);
      for (std::size_t i = 0; i < size; i += example_piece) {
        scatter(state, i, std::min(size, i + example_piece));
        co_yield Pause{};
      }
    }
    for (std::size_t j = 0; j < v.size(); ++j) model.factors.row(j)[f] = v[j];
  }
  fraction_ = 1;
}

double CoordinateSweep::sum_of_errors(std::size_t begin, std::size_t end) const {
  double sum = 0;
  for (std::size_t k = begin; k < end; ++k) {
    sum += weights_.empty() ? double{errors_[k]} : double{weights_[k]} * double{errors_[k]};
  }
  return sum;
}

void CoordinateSweep::begin_linear(BlockState& state) {
  std::fill(state.sums.begin(), state.sums.end(), RowSum{});
  std::fill(state.changes.begin(), state.changes.end(), RowChange{});
  std::fill(state.q.begin(), state.q.end(), 0.0);
}

void CoordinateSweep::gather_linear(BlockState& state, std::size_t begin, std::size_t end) {
  for (std::size_t k = begin; k < end; ++k) {
    const double weight = weights_.empty() ? 1.0 : double{weights_[k]};
    state.sums[state.block->row_of(k)].e += weight * double{errors_[k]};
  }
}

// After the last column: what the block's examples have to be told.
void CoordinateSweep::end_block(BlockState& state) {
  for (std::size_t r = 0; r < state.changes.size(); ++r) {
    RowChange& change = state.changes[r];
    change.slope = static_cast<float>(state.q[r] - double{change.q_before});
  }
}

void CoordinateSweep::scatter_linear(const BlockState& state, std::size_t begin, std::size_t end) {
  for (std::size_t k = begin; k < end; ++k) {
    errors_[k] += state.changes[state.block->row_of(k)].slope;
  }
}

void CoordinateSweep::begin_factor(const float* v) {
  for (BlockState& state : blocks_) {
    std::fill(state.q.begin(), state.q.end(), 0.0);
    for (const Column& column : state.columns) {
      const double value = v[column.column];
      for (std::uint32_t k = column.begin; k < column.end; ++k) {
        state.q[state.entries[k].row] += value * double{state.entries[k].x};
      }
    }
    // As the examples will see it: in float.
    for (std::size_t r = 0; r < state.q.size(); ++r) {
      state.changes[r].q_before = static_cast<float>(state.q[r]);
      state.q[r] = double{state.changes[r].q_before};
    }
  }
}

void CoordinateSweep::sum_factor(std::size_t begin, std::size_t end) {
  std::fill(q_.begin() + static_cast<std::ptrdiff_t>(begin),
            q_.begin() + static_cast<std::ptrdiff_t>(end), 0.0f);
  for (const BlockState& state : blocks_) {
    for (std::size_t k = begin; k < end; ++k) {
      q_[k] += state.changes[state.block->row_of(k)].q_before;
    }
  }
}

void CoordinateSweep::begin_block(BlockState& state) {
  std::fill(state.sums.begin(), state.sums.end(), RowSum{});
  for (RowChange& change : state.changes) change.shift = change.slope = 0;
}

template <bool weighted>
void CoordinateSweep::gather(BlockState& state, std::size_t begin, std::size_t end) {
  const std::uint32_t* const index = state.block->index.data();
  const bool identity = state.block->index.empty();
  const RowChange* const changes = state.changes.data();
  RowSum* const sums = state.sums.data();
  const float* const errors = errors_.data();
  const float* const q = q_.data();
  for (std::size_t k = begin; k < end; ++k) {
    const std::size_t row = identity ? k : index[k];
    const double e = errors[k];
    const double rest = double{q[k] - changes[row].q_before};
    RowSum& sum = sums[row];
    if constexpr (weighted) {
      const double weight = weights_[k];
      sum.c += weight * rest;
      sum.c_squared += weight * rest * rest;
      sum.e += weight * e;
      sum.e_q += weight * e * rest;
    } else {
      sum.c += rest;
      sum.c_squared += rest * rest;
      sum.e += e;
      sum.e_q += e * rest;
    }
  }
}

void CoordinateSweep::scatter(const BlockState& state, std::size_t begin, std::size_t end) {
  const std::uint32_t* const index = state.block->index.data();
  const bool identity = state.block->index.empty();
  const RowChange* const changes = state.changes.data();
  float* const errors = errors_.data();
  float* const q = q_.data();
  for (std::size_t k = begin; k < end; ++k) {
    const RowChange& change = changes[identity ? k : index[k]];
    errors[k] += change.shift + change.slope * (q[k] - change.q_before);
    q[k] += change.slope;
  }
}

void CoordinateSweep::update_linear(BlockState& state, std::size_t begin, std::size_t end,
                                    float* linear, CoordinateRule& rule) {
  for (std::size_t l = begin; l < end; ++l) {
    const Column column = state.columns[l];
    double s = 0, b = 0;
    for (std::uint32_t k = column.begin; k < column.end; ++k) {
      const auto [row, value] = state.entries[k];
      const double x = value;
      s += x * x * state.weight[row];
      b += x * state.sums[row].e;
    }
    float& w = linear[column.column];
    const float chosen = rule.choose(column.column, s, b, w);
    const double change = double{chosen} - double{w};
    w = chosen;
    for (std::uint32_t k = column.begin; k < column.end; ++k) {
      const auto [row, value] = state.entries[k];
      const double moved = change * double{value};
      state.sums[row].e += moved * state.weight[row];
      state.q[row] += moved;
    }
  }
}

void CoordinateSweep::update(BlockState& state, std::size_t begin, std::size_t end, float* v,
                             CoordinateRule& rule) {
  for (std::size_t l = begin; l < end; ++l) {
    const Column column = state.columns[l];
    const double old = v[column.column];
    double s = 0, b = 0;
    for (std::uint32_t k = column.begin; k < column.end; ++k) {
      const auto [row, value] = state.entries[k];
      const double x = value;
      const double h = x * (state.q[row] - x * old);
      const RowSum& sum = state.sums[row];
      s += h * h * state.weight[row] + 2 * x * h * sum.c + x * x * sum.c_squared;
      b += h * sum.e + x * sum.e_q;
    }
    const float chosen = rule.choose(column.column, s, b, v[column.column]);
    const double change = double{chosen} - old;
    v[column.column] = chosen;
    for (std::uint32_t k = column.begin; k < column.end; ++k) {
      const auto [row, value] = state.entries[k];
      const double x = value;
      const double h = x * (state.q[row] - x * old);
      RowSum& sum = state.sums[row];
      sum.e += change * (h * state.weight[row] + x * sum.c);
      sum.e_q += change * (h * sum.c + x * sum.c_squared);
      state.q[row] += change * x;
      state.changes[row].shift += static_cast<float>(change * h);
    }
  }
}

}  // namespace featherfm
