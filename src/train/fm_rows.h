// The inner loop of stochastic gradient descent on a factorization machine: row by row, under one
// of the step rules. Apart from fm_sgd.cpp because it is compiled for speed, and that for size.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "base/random.h"
#include "train/fm_sgd.h"
#include "train/fm_step_rules.h"

namespace featherfm {

// The examples of a design in a random order, packed so that memory is read in that order.
class Rows {
 public:
  explicit Rows(const Design& design) : design_(design), order_(design.size()) {
    std::iota(order_.begin(), order_.end(), 0u);
    // What has no weight teaches nothing.
    std::erase_if(order_, [&](std::uint32_t k) { return design.weight(k) == 0; });
    std::size_t longest = 0;
    for (const Block& block : design.blocks) {
      const SparseRows& table = *block.table;
      tables_.push_back(
          {table.offsets.data(), table.columns.data(), table.values.data(), table.rows()});
      std::size_t most = 0;
      for (std::uint32_t r = 0; r < table.rows(); ++r) most = std::max(most, table.row(r).size());
      longest += most;
    }
    entries_.resize(longest);
  }

  std::size_t size() const { return order_.size(); }

  // Draws the order (Fisher-Yates) and packs, some thousand rows per call; true when done.
  bool shuffle(Random& random) {
    constexpr std::size_t piece = 1 << 14;
    if (left_ == unset) left_ = order_.size();
    for (std::size_t work = 0; left_ > 1; --left_) {
      if (work++ == piece) return false;
      std::swap(order_[left_ - 1], order_[random.below(static_cast<std::uint32_t>(left_))]);
    }
    const std::size_t end = std::min(order_.size(), targets_.size() + piece);
    for (std::size_t k = targets_.size(); k < end; ++k) {
      for (std::size_t b = 0; b < tables_.size(); ++b) {
        rows_.push_back(design_.blocks[b].row_of(order_[k]));
      }
      targets_.push_back(design_.targets[order_[k]]);
      if (!design_.weights.empty()) weights_.push_back(design_.weights[order_[k]]);
    }
    return targets_.size() == order_.size();
  }

  float target(std::size_t k) const { return targets_[k]; }
  float weight(std::size_t k) const { return weights_.empty() ? 1.0f : weights_[k]; }

  // The columns of row k, until the next call; entries that are zero are left out.
  std::span<const RowEntry> read(std::size_t k, float* factors, std::size_t stride) {
    RowEntry* out = entries_.data();
    const std::uint32_t* row = &rows_[k * tables_.size()];
    for (const Table& table : tables_) {
      const std::uint32_t r = *row++;
      if (r >= table.rows) continue;  // the empty row
      const std::uint32_t end = table.offsets[r + 1];
      for (std::uint32_t e = table.offsets[r]; e < end; ++e) {
        const std::uint32_t column = table.columns[e];
        const float x = table.values[e];
        *out = {column, x, factors + column * stride};
        out += x != 0;
      }
    }
    return {entries_.data(), out};
  }

 private:
  struct Table {
    const std::uint32_t *offsets, *columns;
    const float* values;
    std::uint32_t rows;
  };
  static constexpr std::size_t unset = static_cast<std::size_t>(-1);

  const Design& design_;
  std::vector<Table> tables_;
  std::vector<std::uint32_t> order_, rows_;  // rows_: of each table, side by side
  std::vector<float> targets_, weights_;
  std::vector<RowEntry> entries_;
  std::size_t left_ = unset;
};

// Sums of the losses of an epoch, measured on the way: each row before its own update.
struct RunningLosses {
  double loss = 0, squared = 0, weight = 0;
};

class RowTrainer {
 public:
  virtual ~RowTrainer() = default;
  virtual void train(Rows& rows, std::size_t begin, std::size_t end, float rate,
                     FactorizationMachine& model, RunningLosses& losses) = 0;
  virtual void end_epoch(float, FactorizationMachine&) {}
  // The parameters were changed by others.
  virtual void moved(const FactorizationMachine&) {}
  virtual std::vector<FieldPenalty> learned_penalties() const { return {}; }
};

// `options` and `data` must outlive the trainer. `rows`: how many will be visited in an epoch.
std::unique_ptr<RowTrainer> make_row_trainer(const FmSgdOptions& options, const FmData& data,
                                             const FactorizationMachine& model,
                                             const ColumnCounts& counts, std::size_t rows);

}  // namespace featherfm
