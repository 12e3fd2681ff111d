#include "train/coordinate_sweep.h"

#include <algorithm>

namespace featherfm {

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

double CoordinateSweep::sum_of_errors(std::size_t begin, std::size_t end) const {
  double sum = 0;
  for (std::size_t k = begin; k < end; ++k) {
    sum += weights_.empty() ? double{errors_[k]} : double{weights_[k]} * double{errors_[k]};
  }
  return sum;
}

void CoordinateSweep::shift_errors(float change, std::size_t begin, std::size_t end) {
  for (std::size_t k = begin; k < end; ++k) errors_[k] += change;
}

void CoordinateSweep::begin_linear(std::size_t block) {
  BlockState& state = blocks_[block];
  std::fill(state.sums.begin(), state.sums.end(), RowSum{});
  std::fill(state.changes.begin(), state.changes.end(), RowChange{});
  std::fill(state.q.begin(), state.q.end(), 0.0);
}

void CoordinateSweep::gather_linear(std::size_t block, std::size_t begin, std::size_t end) {
  BlockState& state = blocks_[block];
  for (std::size_t k = begin; k < end; ++k) {
    const double weight = weights_.empty() ? 1.0 : double{weights_[k]};
    state.sums[state.block->row_of(k)].e += weight * double{errors_[k]};
  }
}

// After the last column: what the block's examples have to be told.
void CoordinateSweep::end_block(BlockState& state, std::uint32_t end) {
  if (end != state.columns.size()) return;
  for (std::size_t r = 0; r < state.changes.size(); ++r) {
    RowChange& change = state.changes[r];
    change.slope = static_cast<float>(state.q[r] - double{change.q_before});
  }
}

void CoordinateSweep::scatter_linear(std::size_t block, std::size_t begin, std::size_t end) {
  const BlockState& state = blocks_[block];
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

void CoordinateSweep::begin_block(std::size_t block) {
  BlockState& state = blocks_[block];
  std::fill(state.sums.begin(), state.sums.end(), RowSum{});
  for (RowChange& change : state.changes) change.shift = change.slope = 0;
}

template <bool weighted>
void CoordinateSweep::gather_weighted(BlockState& state, std::size_t begin, std::size_t end) {
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

void CoordinateSweep::gather(std::size_t block, std::size_t begin, std::size_t end) {
  if (weights_.empty()) {
    gather_weighted<false>(blocks_[block], begin, end);
  } else {
    gather_weighted<true>(blocks_[block], begin, end);
  }
}

void CoordinateSweep::scatter(std::size_t block, std::size_t begin, std::size_t end) {
  const BlockState& state = blocks_[block];
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

}  // namespace featherfm
