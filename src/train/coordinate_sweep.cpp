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

Work CoordinateSweep::run(FactorizationMachine& model, CoordinateRule& rule, Parts parts,
                          Variances* variances) {
  const std::size_t size = errors_.size(), k = model.factors.columns();
  const double steps = static_cast<double>(k + 1);
  fraction_ = score_variance_ = 0;
  if (parts.constant) {
    double sum = 0;
    for (std::size_t i = 0; i < size; i += example_piece) {
      sum += sum_of_errors(i, std::min(size, i + example_piece));
      co_yield Pause{};
    }
    const Coordinate chosen = rule.choose_constant(
        total_weight_, sum, {model.constant, variances ? variances->constant : 0});
    const float change = chosen.value - model.constant;
    model.constant = chosen.value;
    if (variances) {
      variances->constant = chosen.variance;
      score_variance_ += total_weight_ * double{chosen.variance};
    }
    for (std::size_t i = 0; i < size; ++i) {
      errors_[i] += change;
      if (i % example_piece == 0) co_yield Pause{};
    }
  }
  if (parts.linear) {
    float* const w = model.linear.data();
    float* const tau = variances ? variances->linear.data() : nullptr;
    rule.begin_linear(w, tau);
    for (BlockState& state : blocks_) {
      begin_linear(state);
      for (std::size_t i = 0; i < size; i += example_piece) {
        gather_linear(state, i, std::min(size, i + example_piece));
        co_yield Pause{};
      }
      const std::size_t columns = state.columns.size();
      for (std::size_t l = 0; l < columns; l += column_piece) {
        update_linear(state, l, std::min(columns, l + column_piece), w, tau, rule);
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
  std::vector<float> v(model.columns()), variance(variances ? model.columns() : 0);
  float* const tau = variances ? variance.data() : nullptr;
  for (std::uint32_t f = 0; f < k; ++f) {
    fraction_ = (f + 1) / steps;
    for (std::size_t j = 0; j < v.size(); ++j) v[j] = model.factors.row(j)[f];
    if (tau) {
      for (std::size_t j = 0; j < v.size(); ++j) tau[j] = variances->factors.row(j)[f];
    }
    rule.begin_factor(f, v.data(), tau);
    begin_factor(v.data());
    if (tau) begin_spread(v.data(), tau);
    for (std::size_t i = 0; i < size; i += example_piece) {
      sum_factor(i, std::min(size, i + example_piece));
      if (tau) sum_spread(i, std::min(size, i + example_piece));
      co_yield Pause{};
    }
    for (BlockState& state : blocks_) {
      begin_block(state);
      for (std::size_t i = 0; i < size; i += example_piece) {
        const std::size_t end = std::min(size, i + example_piece);
        if (tau) {
          weights_.empty() ? gather<false, true>(state, i, end) : gather<true, true>(state, i, end);
        } else {
          weights_.empty() ? gather<false, false>(state, i, end)
                           : gather<true, false>(state, i, end);
        }
        co_yield Pause{};
      }
      const std::size_t columns = state.columns.size();
      for (std::size_t l = 0; l < columns; l += column_piece) {
        const std::size_t end = std::min(columns, l + column_piece);
        tau ? update<true>(state, l, end, v.data(), tau, rule)
            : update<false>(state, l, end, v.data(), tau, rule);
        co_yield Pause{};
      }
      end_block(state);
      for (std::size_t i = 0; i < size; i += example_piece) {
        const std::size_t end = std::min(size, i + example_piece);
        tau ? scatter<true>(state, i, end) : scatter<false>(state, i, end);
        co_yield Pause{};
      }
      if (tau) add_table_variance(state, v.data(), tau);
    }
    for (std::size_t j = 0; j < v.size(); ++j) model.factors.row(j)[f] = v[j];
    if (!tau) continue;
    for (std::size_t j = 0; j < v.size(); ++j) variances->factors.row(j)[f] = tau[j];
    for (std::size_t i = 0; i < size; i += example_piece) {
      add_score_variance(i, std::min(size, i + example_piece));
      co_yield Pause{};
    }
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
  for (std::size_t r = 0; r < state.spread_changes.size(); ++r) {
    SpreadChange& change = state.spread_changes[r];
    change.t_slope = static_cast<float>(state.t[r] - double{change.t_before});
    change.d_slope = static_cast<float>(state.d[r] - double{change.d_before});
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
  std::fill(state.spread_sums.begin(), state.spread_sums.end(), SpreadSum{});
  for (RowChange& change : state.changes) change.shift = change.slope = 0;
}

template <bool weighted, bool spread>
void CoordinateSweep::gather(BlockState& state, std::size_t begin, std::size_t end) {
  const std::uint32_t* const index = state.block->index.data();
  const bool identity = state.block->index.empty();
  const RowChange* const changes = state.changes.data();
  const SpreadChange* const spread_changes = state.spread_changes.data();
  RowSum* const sums = state.sums.data();
  SpreadSum* const spread_sums = state.spread_sums.data();
  const float* const errors = errors_.data();
  const float* const q = q_.data();
  for (std::size_t k = begin; k < end; ++k) {
    const std::size_t row = identity ? k : index[k];
    const double e = errors[k];
    const double rest = double{q[k] - changes[row].q_before};
    const double weight = weighted ? double{weights_[k]} : 1;
    RowSum& sum = sums[row];
    if constexpr (weighted) {
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
    if constexpr (spread) {
      const SpreadChange& change = spread_changes[row];
      const double t = weight * double{t_[k] - change.t_before};
      SpreadSum& other = spread_sums[row];
      other.t += t;
      other.r_t += t * rest;
      other.d += weight * double{d_[k] - change.d_before};
    }
  }
}

template <bool spread>
void CoordinateSweep::scatter(const BlockState& state, std::size_t begin, std::size_t end) {
  const std::uint32_t* const index = state.block->index.data();
  const bool identity = state.block->index.empty();
  const RowChange* const changes = state.changes.data();
  const SpreadChange* const spread_changes = state.spread_changes.data();
  float* const errors = errors_.data();
  float* const q = q_.data();
  float *const t = t_.data(), *const d = d_.data();
  for (std::size_t k = begin; k < end; ++k) {
    const std::size_t row = identity ? k : index[k];
    const RowChange& change = changes[row];
    errors[k] += change.shift + change.slope * (q[k] - change.q_before);
    q[k] += change.slope;
    if constexpr (spread) {
      t[k] += spread_changes[row].t_slope;
      d[k] += spread_changes[row].d_slope;
    }
  }
}

void CoordinateSweep::update_linear(BlockState& state, std::size_t begin, std::size_t end,
                                    float* linear, float* tau, CoordinateRule& rule) {
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
    const Coordinate chosen = rule.choose(column.column, s, b, {w, tau ? tau[column.column] : 0});
    const double change = double{chosen.value} - double{w};
    w = chosen.value;
    if (tau) {
      tau[column.column] = chosen.variance;
      score_variance_ += s * double{chosen.variance};
    }
    for (std::uint32_t k = column.begin; k < column.end; ++k) {
      const auto [row, value] = state.entries[k];
      const double moved = change * double{value};
      state.sums[row].e += moved * state.weight[row];
      state.q[row] += moved;
    }
  }
}

template <bool spread>
void CoordinateSweep::update(BlockState& state, std::size_t begin, std::size_t end, float* v,
                             float* tau, CoordinateRule& rule) {
  for (std::size_t l = begin; l < end; ++l) {
    const Column column = state.columns[l];
    const double old = v[column.column], old_tau = spread ? double{tau[column.column]} : 0;
    double s = 0, b = 0;
    for (std::uint32_t k = column.begin; k < column.end; ++k) {
      const auto [row, value] = state.entries[k];
      const double x = value;
      const double h = x * (state.q[row] - x * old);
      const RowSum& sum = state.sums[row];
      s += h * h * state.weight[row] + 2 * x * h * sum.c + x * x * sum.c_squared;
      b += h * sum.e + x * sum.e_q;
      if constexpr (spread) {
        const SpreadSum& rest = state.spread_sums[row];
        const double t = old_tau * x * x, others = state.t[row] - t;
        const double all = others * state.weight[row] + rest.t;
        s += x * x * all;
        b += x * (state.q[row] * all + sum.c * others + rest.r_t - rest.d -
                  (state.d[row] - t * x * old) * state.weight[row]);
      }
    }
    const Coordinate chosen =
        rule.choose(column.column, s, b, {v[column.column], static_cast<float>(old_tau)});
    const double change = double{chosen.value} - old;
    v[column.column] = chosen.value;
    if constexpr (spread) tau[column.column] = chosen.variance;
    for (std::uint32_t k = column.begin; k < column.end; ++k) {
      const auto [row, value] = state.entries[k];
      const double x = value;
      const double h = x * (state.q[row] - x * old);
      RowSum& sum = state.sums[row];
      sum.e += change * (h * state.weight[row] + x * sum.c);
      sum.e_q += change * (h * sum.c + x * sum.c_squared);
      state.q[row] += change * x;
      state.changes[row].shift += static_cast<float>(change * h);
      if constexpr (spread) {
        const double tau_new = chosen.variance;
        state.t[row] += (tau_new - old_tau) * x * x;
        state.d[row] += (tau_new * double{chosen.value} - old_tau * old) * x * x * x;
      }
    }
  }
}

void CoordinateSweep::begin_spread(const float* v, const float* tau) {
  t_.resize(errors_.size());
  d_.resize(errors_.size());
  for (BlockState& state : blocks_) {
    const std::size_t rows = state.q.size();
    state.t.assign(rows, 0.0);
    state.d.assign(rows, 0.0);
    state.spread_sums.resize(rows);
    state.spread_changes.resize(rows);
    for (const Column& column : state.columns) {
      const double value = v[column.column], variance = tau[column.column];
      for (std::uint32_t k = column.begin; k < column.end; ++k) {
        const auto [row, x] = state.entries[k];
        const double t = variance * double{x} * double{x};
        state.t[row] += t;
        state.d[row] += t * value * double{x};
      }
    }
    for (std::size_t r = 0; r < rows; ++r) {
      SpreadChange& change = state.spread_changes[r];
      change.t_before = static_cast<float>(state.t[r]);
      change.d_before = static_cast<float>(state.d[r]);
    }
  }
}

void CoordinateSweep::sum_spread(std::size_t begin, std::size_t end) {
  std::fill(t_.begin() + static_cast<std::ptrdiff_t>(begin),
            t_.begin() + static_cast<std::ptrdiff_t>(end), 0.0f);
  std::fill(d_.begin() + static_cast<std::ptrdiff_t>(begin),
            d_.begin() + static_cast<std::ptrdiff_t>(end), 0.0f);
  for (const BlockState& state : blocks_) {
    for (std::size_t k = begin; k < end; ++k) {
      const SpreadChange& row = state.spread_changes[state.block->row_of(k)];
      t_[k] += row.t_before;
      d_[k] += row.d_before;
    }
  }
}

void CoordinateSweep::add_score_variance(std::size_t begin, std::size_t end) {
  double sum = 0;
  for (std::size_t k = begin; k < end; ++k) {
    const double q = q_[k], t = t_[k], d = d_[k];
    const double weight = weights_.empty() ? 1.0 : double{weights_[k]};
    sum += weight * (t * q * q - 2 * q * d + 0.5 * t * t);
  }
  score_variance_ += sum;
}

void CoordinateSweep::add_table_variance(const BlockState& state, const float* v,
                                         const float* tau) {
  double sum = 0;
  for (const Column& column : state.columns) {
    const double value = v[column.column], variance = tau[column.column];
    for (std::uint32_t k = column.begin; k < column.end; ++k) {
      const auto [row, entry] = state.entries[k];
      const double x = entry, t = variance * x * x;
      sum += state.weight[row] * (t * value * value * x * x - 0.5 * t * t);
    }
  }
  score_variance_ += sum;
}

}  // namespace featherfm
