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
//
// Where parameters are independent random variables with means v_j and variances tau_j, S and B
// are to be expectations (the mean field of variational inference). With a_j = v_j x_j and
// t_j = tau_j x_j^2, T = sum_j t_j and D = sum_j t_j a_j of each example, the slope has the
// variance x_l^2 (T - t_l), the error what it has in common with the slope, and
//   S = sum w (h^2 + x_l^2 (T - t_l)),   B = sum w (h e + x_l (q (T - t_l) - D + t_l a_l)),
// e the error of the mean. T and D are additive over the blocks like q, and with R and P what the
// other blocks bring to them, three further sums per table row suffice: sum w R, sum w r R, sum w
// P. By one factor the score of an example varies by
//   sum_j t_j (q - a_j)^2 + sum_{j < l} t_j t_l
//     = T q^2 - 2 q D + 1/2 T^2 + sum_j (t_j a_j^2 - 1/2 t_j^2).
#pragma once

#include <cstdint>
#include <vector>

#include "base/matrix.h"
#include "data/design.h"
#include "model/factorization_machine.h"
#include "train/trainer.h"

namespace featherfm {

// A parameter, and its variance where it has one.
struct Coordinate {
  float value = 0, variance = 0;
};

// Says what value each coordinate takes next.
class CoordinateRule {
 public:
  virtual ~CoordinateRule() = default;
  // Before the columns of a part are visited: of the linear part, or of a factor. `values`: one for
  // each column of the model; likewise `variances`, null where there are none.
  virtual void begin_linear(const float* values, const float* variances) = 0;
  virtual void begin_factor(std::uint32_t factor, const float* values, const float* variances) = 0;
  // S and B as above; for the constant S is the sum of the weights, B that of the weighted errors.
  virtual Coordinate choose_constant(double s, double b, Coordinate old) = 0;
  virtual Coordinate choose(std::uint32_t column, double s, double b, Coordinate old) = 0;
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
  // thousand examples. Brings model and errors up to date, and `variances`, where given.
  Work run(FactorizationMachine& model, CoordinateRule& rule, Parts parts,
           Variances* variances = nullptr);
  // After a run with variances: those of the scores, weighted and summed over the examples.
  double score_variance() const { return score_variance_; }
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
  // The same for T and D.
  struct SpreadSum {
    double t = 0, r_t = 0, d = 0;
  };
  struct SpreadChange {
    float t_slope = 0, d_slope = 0, t_before = 0, d_before = 0;
  };
  struct BlockState {
    const Block* block;
    std::vector<Column> columns;  // those that occur in the table
    std::vector<Entry> entries;
    std::vector<double> weight;  // n of each row; one more than the table, for the empty row
    std::vector<double> q;       // q_b
    std::vector<RowSum> sums;
    std::vector<RowChange> changes;
    // Only where there are variances.
    std::vector<double> t, d;  // T_b, D_b
    std::vector<SpreadSum> spread_sums;
    std::vector<SpreadChange> spread_changes;
  };

  // The steps of run(); those with a range do a piece of the examples or of a block's columns.
  void begin_linear(BlockState& state);
  void gather_linear(BlockState& state, std::size_t begin, std::size_t end);
  void update_linear(BlockState& state, std::size_t begin, std::size_t end, float* linear,
                     float* tau, CoordinateRule& rule);
  void scatter_linear(const BlockState& state, std::size_t begin, std::size_t end);

  void begin_factor(const float* v);
  void sum_factor(std::size_t begin, std::size_t end);
  void begin_block(BlockState& state);
  // `spread`: whether there are variances.
  template <bool weighted, bool spread>
  void gather(BlockState& state, std::size_t begin, std::size_t end);
  template <bool spread>
  void update(BlockState& state, std::size_t begin, std::size_t end, float* v, float* tau,
              CoordinateRule& rule);
  template <bool spread>
  void scatter(const BlockState& state, std::size_t begin, std::size_t end);
  static void end_block(BlockState& state);

  void begin_spread(const float* v, const float* tau);
  void sum_spread(std::size_t begin, std::size_t end);
  // What the scores vary by one factor, after its last block.
  void add_score_variance(std::size_t begin, std::size_t end);
  void add_table_variance(const BlockState& state, const float* v, const float* tau);

  double sum_of_errors(std::size_t begin, std::size_t end) const;

  std::vector<BlockState> blocks_;
  std::vector<float> errors_, q_, weights_;
  std::vector<float> t_, d_;  // only where there are variances
  double total_weight_ = 0, fraction_ = 0, score_variance_ = 0;
};

}  // namespace featherfm
