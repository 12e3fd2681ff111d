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
#include "train/trainer.h"

namespace featherfm {

// Says what value each coordinate takes next.
class CoordinateRule {
 public:
  virtual ~CoordinateRule() = default;
  // Before the columns of a part are visited: of the linear part, or of a factor. `values`: one for
  // each column of the model.
  virtual void begin_linear(const float* values) = 0;
  virtual void begin_factor(std::uint32_t factor, const float* values) = 0;
  // S and B as above; for the constant S is the sum of the weights, B that of the weighted errors.
  virtual float choose_constant(double s, double b, float old) = 0;
  virtual float choose(std::uint32_t column, double s, double b, float old) = 0;
};

class CoordinateSweep {
 public:
  // The design must outlive the sweep.
  explicit CoordinateSweep(const Design& design);

  // Errors of the current parameters, to be filled before a sweep: prediction - target.
  std::vector<float>& errors() { return errors_; }
  const std::vector<float>& errors() const { return errors_; }

  // Weights of the examples; kept until set again. Empty: all 1.
  void set_weights(std::vector<float> weights);

  struct Parts {
    bool constant = true, linear = true;
  };
  // One sweep over the constant, the linear part and every factor, with a pause every few tens of
  // thousand examples. Brings model and errors up to date.
  Work run(FactorizationMachine& model, CoordinateRule& rule, Parts parts);
  // How much of a running sweep is done, 0 to 1.
  double fraction() const { return fraction_; }

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

  // The steps of run(); those with a range do a piece of the examples or of a block's columns.
  void begin_linear(BlockState& state);
  void gather_linear(BlockState& state, std::size_t begin, std::size_t end);
  void update_linear(BlockState& state, std::size_t begin, std::size_t end, float* linear,
                     CoordinateRule& rule);
  void scatter_linear(const BlockState& state, std::size_t begin, std::size_t end);

  void begin_factor(const float* v);
  void sum_factor(std::size_t begin, std::size_t end);
  void begin_block(BlockState& state);
  template <bool weighted>
  void gather(BlockState& state, std::size_t begin, std::size_t end);
  void update(BlockState& state, std::size_t begin, std::size_t end, float* v,
              CoordinateRule& rule);
  void scatter(const BlockState& state, std::size_t begin, std::size_t end);
  static void end_block(BlockState& state);

  double sum_of_errors(std::size_t begin, std::size_t end) const;

  std::vector<BlockState> blocks_;
  std::vector<float> errors_, q_, weights_;
  double total_weight_ = 0, fraction_ = 0;
};

}  // namespace featherfm
