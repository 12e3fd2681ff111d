// One side of a hybrid model in training: what users or items add up to, and gradient steps on the
// features they are made of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "train/hybrid_kernels.h"
#include "train/hybrid_options.h"

namespace featherfm {

// The parameters are `scale` times the rows that are held meanwhile: the L2 penalty pulls on
// every parameter of the side at every step, and does so by a smaller scale, in no time. Before the
// scale gets too small for float it is multiplied in (settle()).
//
// The sources that gradients go along, and the sums, have k + 1 numbers and zeros behind: the last
// one belongs to the bias.
class HybridSide {
 public:
  HybridSide(const SparseRows& table, const FeatureSpace& space, Side side,
             const HybridOptions& options, HybridParameters& parameters)
      : rate_(options.learning_rate),
        memory_{options.rho, options.epsilon},
        adadelta_(options.steps == StepRule::adadelta),
        alpha_(side == Side::user ? options.user_regularization : options.item_regularization),
        stride_(parameters.rows.stride()),
        padding_(static_cast<float>(stride_ - parameters.rows.columns()) * (adadelta_ ? 1 : rate_)),
        rows_(parameters.rows.storage().data()),
        squares_(parameters.squares.storage().data()),
        steps_(parameters.steps.storage().data()),
        table_(space.normalized ? table.normalized() : table) {
    for (const ColumnField& field : space.fields) {
      if (field.side != side) continue;
      begin_ = std::min<std::size_t>(begin_, field.begin);
      end_ = std::max<std::size_t>(end_, field.begin + field.columns);
    }
    single_ = table_.entries() == table_.rows();
    for (std::uint32_t r = 0; single_ && r < table_.rows(); ++r) {
      single_ = table_.row(r).size() == 1 && table_.row(r).values[0] == 1;
    }
  }

  // scale times sum_j x_j row_j
  void represent(std::uint32_t r, float* __restrict sum) const {
    if (single_) {
      const float* row = rows_ + table_.columns[r] * stride_;
      const f4 scale = splat(scale_);
      for (std::size_t i = 0; i < stride_; i += 4) at4(sum + i) = scale * load4(row + i);
      return;
    }
    std::fill(sum, sum + stride_, 0.0f);
    for (std::uint32_t e = table_.offsets[r]; e < table_.offsets[r + 1]; ++e) {
      simd::axpy(scale_ * table_.values[e], rows_ + table_.columns[e] * stride_, sum, stride_);
    }
  }

  // <other, what r adds up to>, the sum left in `sum` unless it is made of one row alone.
  float score(const float* other, std::uint32_t r, float* sum) const {
    if (single_) return scale_ * simd::dot(other, rows_ + table_.columns[r] * stride_, stride_);
    represent(r, sum);
    return simd::dot(other, sum, stride_);
  }
  // The sum after score(), before any step.
  const float* represented(std::uint32_t r, float* sum) const {
    if (single_) represent(r, sum);
    return sum;
  }

  // One step down the gradient that is x_j factor source in the parameters of every feature j of r.
  // Returns the sum of all step sizes; `rows` grows by the number of rows of parameters.
  float step(std::uint32_t r, const float* source, float factor, std::size_t& rows) {
    const std::uint32_t begin = table_.offsets[r], end = table_.offsets[r + 1];
    float sum = 0;
    for (std::uint32_t e = begin; e < end; ++e) {
      const std::size_t at = table_.columns[e] * stride_;
      const float along = table_.values[e] * factor;
      sum += adadelta_ ? simd::adadelta_along(rows_ + at, squares_ + at, steps_ + at, source, along,
                                              memory_, unscale_, stride_)
                       : simd::adagrad_along(rows_ + at, squares_ + at, source, along, rate_,
                                             unscale_, stride_);
    }
    rows += end - begin;
    return sum - static_cast<float>(end - begin) * padding_;
  }

  // The pull of the penalty, by the mean size of the steps just taken.
  void decay(float mean_size) {
    if (alpha_ == 0) return;
    scale_ /= 1 + alpha_ * mean_size;  // as if the penalty was taken after the step: never below 0
    unscale_ = 1 / scale_;
    if (scale_ < 1e-10f) settle();
  }
  void settle() {
    if (scale_ == 1) return;
    for (std::size_t i = begin_ * stride_; i < end_ * stride_; ++i) rows_[i] *= scale_;
    scale_ = unscale_ = 1;
  }

 private:
  float rate_;
  AdadeltaMemory memory_;
  bool adadelta_;
  float alpha_;
  std::size_t stride_;
  float padding_;  // what the padding of a row adds to the sum of step sizes
  float *rows_, *squares_, *steps_;
  SparseRows table_;
  std::size_t begin_ = std::numeric_limits<std::size_t>::max(),
              end_ = 0;  // the columns of the side
  bool single_ = false;  // every row is one column with the value 1
  float scale_ = 1, unscale_ = 1;
};

}  // namespace featherfm
