// The inner loop of stochastic gradient descent on a factorization machine: row by row, under one of
// the step rules. Apart from fm_sgd.cpp because it is compiled for speed, and that for size.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "base/simd.h"
#include "train/fm_sgd.h"
#include "train/fm_step_rules.h"

namespace featherfm {

// The examples of a design in an order of their own, read one after the other.
class Rows {
 public:
  explicit Rows(const Design& design) : design_(design), order_(design.size()) {
    std::iota(order_.begin(), order_.end(), 0u);
    // What has no weight teaches nothing.
    std::erase_if(order_, [&](std::uint32_t k) { return design.weight(k) == 0; });
  }

  std::vector<std::uint32_t>& order() { return order_; }
  std::size_t size() const { return order_.size(); }
  float target(std::size_t k) const { return design_.targets[order_[k]]; }
  float weight(std::size_t k) const { return design_.weight(order_[k]); }

  // The columns of row k; entries that are zero are left out.
  void read(std::size_t k, FactorizationMachine& model, std::vector<RowEntry>& entries) const {
    entries.clear();
    for (const Block& block : design_.blocks) {
      const SparseRows::Row row = block.table->row(block.row_of(order_[k]));
      for (std::size_t e = 0; e < row.size(); ++e) {
        if (row.values[e] == 0) continue;
        entries.push_back({row.columns[e], row.values[e], model.factors.row(row.columns[e])});
      }
    }
  }

 private:
  const Design& design_;
  std::vector<std::uint32_t> order_;
};

// Sums of the losses of an epoch, measured on the way: each row before its own update.
struct RunningLosses {
  double loss = 0, squared = 0, weight = 0;
};

class RowTrainer {
 public:
  virtual ~RowTrainer() = default;
  virtual void train(const Rows& rows, std::size_t begin, std::size_t end, float rate,
                     FactorizationMachine& model, RunningLosses& losses) = 0;
  virtual void end_epoch(float, FactorizationMachine&) {}
  virtual std::vector<FieldPenalty> learned_penalties() const { return {}; }
};

// `options` and `data` must outlive the trainer.
std::unique_ptr<RowTrainer> make_row_trainer(const FmSgdOptions& options, const FmData& data,
                                             const FactorizationMachine& model,
                                             const ColumnCounts& counts);

}  // namespace featherfm
