// The parameters of a factorization machine (Rendle 2010, "Factorization Machines"):
//
//   y(x) = constant + sum_j linear_j x_j + sum_{j < l} <factors_j, factors_l> x_j x_l
//
// (of a hybrid model the last sum has only those pairs whose columns belong to different sides),
// and what follows from them. The sum over pairs costs no more than the sum over columns:
//   sum_{j < l} <v_j, v_l> x_j x_l = 1/2 (|sum_j v_j x_j|^2 - sum_j |v_j|^2 x_j^2)
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/matrix.h"
#include "base/random.h"
#include "data/design.h"
#include "model/towers.h"

namespace featherfm {

enum class Task {
  regression,      // squared error
  classification,  // labels 0 and 1, or -1 and 1: cross-entropy of a sigmoid, or probit where
                   // Bayesian
  ordinal,         // ordered classes, by ordered probit; only Bayesian machines
};

// The variances of a machine's parameters, which are independent of each other.
struct Variances {
  float constant = 0;
  std::vector<float> linear;  // columns
  Matrix factors;             // columns x k

  bool all_finite() const;
};

// What a Bayesian machine knows beyond its mean (train/fm_gibbs.h, train/fm_vb.h). The S samples of
// k factors each make one machine of S k factors whose y(x) is the mean of theirs, exactly:
// V = [V_1 ... V_S] / sqrt(S), linear and constant the means. So it serves like any other; the
// single samples are needed to clip, for deviations and for the probabilities of classes.
//
// Variational inference has the mean as its one sample, and variances around it.
struct Posterior {
  Task task = Task::regression;
  std::uint32_t factors = 0;     // k, of one sample
  std::vector<float> constants;  // S
  Matrix linear;                 // columns x S
  std::vector<float> noise;      // S: standard deviation of the values around the score
  std::vector<float> penalties;  // S: precision of a user's factors over that of the noise
  std::vector<float> classes;    // ordinal: the values of the classes, ascending
  Matrix cutpoints;              // ordinal: S x (classes - 1)

  // Where the chain stands, for training to go on: the last sample, and what was drawn beside it.
  struct Chain {
    float constant = 0;
    std::vector<float> linear;   // columns
    Matrix factors;              // columns x k
    std::vector<double> priors;  // precision and mean of each field, part by part
    std::vector<double> cutpoints;
    Random::State random{};
    std::uint32_t sweeps = 0;
  };
  Chain chain;

  // Of variational inference, in place of a chain: the variances, and what training goes on from.
  struct Variational {
    Variances variances;
    std::vector<double> priors;         // as in Chain
    std::array<double, 2> noise{1, 1};  // shape and rate of its precision's gamma distribution
  };
  std::optional<Variational> variational;

  std::size_t samples() const { return constants.size(); }
  // How many numbers a row of a table has besides its vector (model/posterior_prediction.h).
  std::size_t parts() const { return samples() + (variational ? 1 + 2 * std::size_t{factors} : 0); }
};

// Which pairs of columns interact.
enum class Pairs {
  all,
  between_sides,  // a column of the user's with one of the item's: the hybrid model of Kula 2015,
                  // "Metadata Embeddings for User and Item Cold-start Recommendations"
};

// What the steps of AdaGrad or AdaDelta have seen, for training to go on: of each parameter the sum
// (AdaDelta: the running mean) of the squared gradients and, for AdaDelta alone, of the steps.
struct StepMemory {
  std::vector<float> linear, linear_steps;  // columns
  Matrix factors, factor_steps;             // columns x k
};

struct FactorizationMachine {
  float constant = 0;
  std::vector<float> linear;  // columns
  Matrix factors;             // columns x k
  Link link = Link::identity;
  ValueRange range;
  Pairs pairs = Pairs::all;
  FoldInRule fold_in;
  FeatureSpace space;
  std::shared_ptr<const Posterior> posterior;  // null where the parameters are a single point
  // What the parameters were learned from, for training to go on without forgetting it: the sum of
  // the squares of each column over all examples, and their number. Empty and 0: unknown.
  std::vector<float> evidence;
  float examples = 0;
  std::shared_ptr<const StepMemory> memory;  // null where training keeps none

  FactorizationMachine() = default;
  FactorizationMachine(std::size_t columns, std::size_t k) : linear(columns), factors(columns, k) {}

  std::size_t columns() const { return linear.size(); }

  bool all_finite() const;

  // The serving form: P and Q the sums of x_j v_j over a user's and an item's columns, c what the
  // columns of one side give among themselves,
  //   user row [P, 1], item row [Q, c_item], user offset constant + c_user,
  // so that score = offset + dot is y(x) of the pair without context. The model must have a space.
  Towers towers() const;

  // The rows of these columns under new numbers, zeros in the others.
  FactorizationMachine translated(const std::vector<std::uint32_t>& new_columns,
                                  std::size_t columns) const;
};

// y(x) of one row, in double and straight from the definition; of a model with all pairs.
double score(const FactorizationMachine& model, const SparseRows::Row& row);

// What a row of a table adds to every example that has it:
//   vector = sum_j v_j x_j,  constant = sum_j w_j x_j - 1/2 sum_j |v_j|^2 x_j^2
// so that y(x) of an example with the rows r is
//   constant + sum_r constant_r + 1/2 |sum_r vector_r|^2.
// Where only pairs between sides count, the constant takes 1/2 |vector|^2 away instead.
// One more row than the table, of zeros: the row of nothing.
struct RowSums {
  Matrix vectors;
  std::vector<float> constants;

  RowSums(const SparseRows& table, std::size_t k)
      : vectors(std::size_t{table.rows()} + 1, k), constants(std::size_t{table.rows()} + 1) {}
  void compute(const FactorizationMachine& model, const SparseRows& table, std::uint32_t begin,
               std::uint32_t end);
};
RowSums row_sums(const FactorizationMachine& model, const SparseRows& table);

// Adds what row `r` of a table stands for (features, a context) to a user.
void add_to(UserRow& user, const RowSums& sums, std::uint32_t r);

// What the rows of a design's tables add, one Sums (as RowSums) per block, computed row by row so
// that others may have their turn in between.
template <class Sums>
class TableSums {
 public:
  void add(Sums sums) { sums_.push_back(std::move(sums)); }
  std::size_t size() const { return sums_.size(); }
  const Sums& operator[](std::size_t block) const { return sums_[block]; }

  // Adds to `work` what it does and stops when that is above `piece`; true when all are computed.
  bool advance(const FactorizationMachine& model, const Design& design, std::size_t piece,
               std::size_t& work) {
    for (; block_ < sums_.size(); ++block_, row_ = 0) {
      const SparseRows& table = *design.blocks[block_].table;
      while (row_ < table.rows()) {
        if (work > piece) return false;
        work += 1 + table.row(row_).size();
        sums_[block_].compute(model, table, row_, row_ + 1);
        ++row_;
      }
    }
    return true;
  }

 private:
  std::vector<Sums> sums_;
  std::size_t block_ = 0;
  std::uint32_t row_ = 0;
};

// The scores of a design in bounded pieces: tables first, then examples.
class DesignScores {
 public:
  DesignScores(const FactorizationMachine& model, const Design& design);
  // Some thousand rows or examples; true when all scores are there.
  bool advance();
  const std::vector<float>& scores() const { return scores_; }

 private:
  const FactorizationMachine& model_;
  const Design& design_;
  TableSums<RowSums> sums_;
  std::size_t example_ = 0;
  std::vector<float> scores_;
  AlignedFloats total_;
};
std::vector<float> scores(const FactorizationMachine& model, const Design& design);

// How much weight a field carries: root mean squares over its columns that are not zero.
struct FieldStrength {
  double linear = 0, factors = 0;  // of w_j; of |v_j|
  std::uint32_t used = 0;          // columns with any parameter that is not 0
};
FieldStrength field_strength(const FactorizationMachine& model, const ColumnField& field);

}  // namespace featherfm
