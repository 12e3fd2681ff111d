// One sweep of coordinate descent over the parameters of a factorization machine, in relational
// form: the loop that alternating least squares and Gibbs sampling share (Rendle 2012,
// "Factorization Machines with libFM"; Rendle 2013, "Scaling Factorization Machines to Relational
// Data").
//
// With e = prediction - target and, for the factor f, q = sum_j v_jf x_j of each example, a column
// l enters the prediction linearly with the slope h = x_l (q - x_l v_lf), so that
//   S = sum w h^2,   B = sum w h e
// over the examples, w their weights, say all there is to say of v_lf when the others are held. A
// new value v' moves e by (v' - v) h and q by (v' - v) x_l.
//
// Examples that share a row of a block's table see the same x. With q_b the part of q that the
// block brings and r = q - q_b the rest, h = h_b + x r with h_b = x (q_b - x v), and over the
// examples of one table row
//   sum w h^2 = h_b^2 n + 2 x h_b c + x^2 cS,   sum w h e = h_b E + x Eq
//   n = sum w,  c = sum w r,  cS = sum w r^2,  E = sum w e,  Eq = sum w e r.
// So a block's columns are worked off on the table alone, and the examples are visited twice per
// block and factor: to gather these sums, and to bring e and q up to date.
#pragma once

#include <cstdint>
#include <vector>

#include "base/matrix.h"
#include "data/design.h"
#include "model/factorization_machine.h"

namespace featherfm {

class CoordinateSweep {
 public:
  explicit CoordinateSweep(const Design& design);

  // Errors of the current parameters, to be filled before a sweep: prediction - target.
  std::vector<float>& errors() { return errors_; }
  const std::vector<float>& errors() const { return errors_; }

  // Weights of the examples; kept until set again. Empty: all 1.
  void set_weights(std::vector<float> weights);

  std::size_t blocks() const { return blocks_.size(); }
  std::size_t examples() const { return errors_.size(); }
  std::uint32_t columns_of(std::size_t block) const {
    return static_cast<std::uint32_t>(blocks_[block].columns.size());
  }

  // sum w e and sum w, for the constant; then e <- e + change.
  double sum_of_errors(std::size_t begin, std::size_t end) const;
  double sum_of_weights() const { return total_weight_; }
  void shift_errors(float change, std::size_t begin, std::size_t end);

  // The linear part, block by block: gather over all examples, update over all columns, scatter
  // over all examples. Ranges let the caller pause between pieces.
  void begin_linear(std::size_t block);
  void gather_linear(std::size_t block, std::size_t begin, std::size_t end);
  template <class Choose>
  void update_linear(std::size_t block, std::uint32_t begin, std::uint32_t end, float* linear,
                     Choose&& choose);
  void scatter_linear(std::size_t block, std::size_t begin, std::size_t end);

  // One factor: begin_factor() over the tables and sum_factor() over all examples, then for each
  // block gather, update, scatter. `v`: the factor's value of every column of the model.
  void begin_factor(const float* v);
  void sum_factor(std::size_t begin, std::size_t end);
  void begin_block(std::size_t block);
  void gather(std::size_t block, std::size_t begin, std::size_t end);
  // choose(column, S, B, old value) gives the new value of each column.
  template <class Choose>
  void update(std::size_t block, std::uint32_t begin, std::uint32_t end, float* v, Choose&& choose);
  void scatter(std::size_t block, std::size_t begin, std::size_t end);

 private:
  struct Entry {
    std::uint32_t row;
    float x;
  };
  // A column of a table: its entries are [begin, end).
  struct Column {
    std::uint32_t column, begin, end;
  };
  // Sums over the examples of a table row, in double: a row may have all the examples there are.
  struct RowSum {
    double c = 0, c_squared = 0, e = 0, e_q = 0;
  };
  // What scatter() applies: e += shift + slope (q - q_before), q += slope.
  struct RowChange {
    float shift = 0, slope = 0, q_before = 0, unused = 0;
  };
  struct BlockState {
    const Block* block;
    std::vector<Column> columns;  // those that occur in the table
    std::vector<Entry> entries;
    std::vector<double> weight;  // n of each row; one more than the table, for the empty row
    std::vector<double> q;       // q_b
    std::vector<RowSum> sums;
    std::vector<RowChange> changes;
  };

  template <bool weighted>
  void gather_weighted(BlockState& state, std::size_t begin, std::size_t end);
  void end_block(BlockState& state, std::uint32_t end);

  std::vector<BlockState> blocks_;
  std::vector<float> errors_, q_, weights_;
  double total_weight_ = 0;
};

template <class Choose>
void CoordinateSweep::update_linear(std::size_t block, std::uint32_t begin, std::uint32_t end,
                                    float* linear, Choose&& choose) {
  BlockState& state = blocks_[block];
  for (std::uint32_t l = begin; l < end; ++l) {
    const Column column = state.columns[l];
    double s = 0, b = 0;
    for (std::uint32_t k = column.begin; k < column.end; ++k) {
      const auto [row, value] = state.entries[k];
      const double x = value;
      s += x * x * state.weight[row];
      b += x * state.sums[row].e;
    }
    float& w = linear[column.column];
    const float chosen = choose(column.column, s, b, w);
    const double change = double{chosen} - double{w};
    w = chosen;
    for (std::uint32_t k = column.begin; k < column.end; ++k) {
      const auto [row, value] = state.entries[k];
      const double moved = change * double{value};
      state.sums[row].e += moved * state.weight[row];
      state.q[row] += moved;
    }
  }
  end_block(state, end);
}

template <class Choose>
void CoordinateSweep::update(std::size_t block, std::uint32_t begin, std::uint32_t end, float* v,
                             Choose&& choose) {
  BlockState& state = blocks_[block];
  for (std::uint32_t l = begin; l < end; ++l) {
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
    const float chosen = choose(column.column, s, b, v[column.column]);
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
  end_block(state, end);
}

}  // namespace featherfm
