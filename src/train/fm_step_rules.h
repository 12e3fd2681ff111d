// The step rules of stochastic gradient descent on a factorization machine: what the gradient of
// one row does to the columns it touches. With P = sum_j v_j x_j of the row and `error` = weight
// times the derivative of its loss in the score,
//   d/d constant = error,   d/d w_j = error x_j,   d/d v_j = error x_j (P - x_j v_j),
// plus the column's share of its penalty.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "base/matrix.h"
#include "base/simd.h"
#include "model/factorization_machine.h"
#include "train/adam_powers.h"
#include "train/fm_sgd.h"

namespace featherfm {

// A row as the steps see it.
struct RowEntry {
  std::uint32_t column;
  float x;
  float* v;  // factors of the column
};

struct RowView {
  std::span<const RowEntry> entries;
  const float* sum;  // P
  float* linear;     // of all columns
  std::size_t stride;
};

// Of one row: the share of the columns' penalties that falls to it.
struct RowPenalties {
  const float *linear, *factors;  // by column
  float constant;
};

class FmSgdRule {
 public:
  FmSgdRule(const FmSgdOptions&, const FactorizationMachine&, const RowPenalties&) {}

  void constant(float& w0, float error, float rate, float lambda) {
    w0 -= rate * (error + lambda * w0);
  }
  void linear(const RowView& row, float error, float rate, const RowPenalties& penalties) {
    for (const auto& [column, x, v] : row.entries) {
      float& w = row.linear[column];
      w -= rate * (error * x + penalties.linear[column] * w);
    }
  }
  void factors(const RowView& row, float error, float rate, const RowPenalties& penalties) {
    for (const auto& [column, x, v] : row.entries) {
      const float step = -rate * error * x;
      simd::scaled_add(step, row.sum, 1 - rate * penalties.factors[column] - step * x, v,
                       row.stride);
    }
  }
  void end_batch(FactorizationMachine&, float) {}
  // The parameters were changed by others.
  void moved(const FactorizationMachine&) {}
};

class FmAdagradRule {
 public:
  FmAdagradRule(const FmSgdOptions&, const FactorizationMachine& model, const RowPenalties&)
      : linear_(model.columns()), factors_(model.columns(), model.factors.columns()) {}

  void constant(float& w0, float error, float rate, float lambda) {
    step(w0, constant_, error + lambda * w0, rate);
  }
  void linear(const RowView& row, float error, float rate, const RowPenalties& penalties) {
    for (const auto& [column, x, v] : row.entries) {
      float& w = row.linear[column];
      step(w, linear_[column], error * x + penalties.linear[column] * w, rate);
    }
  }
  void factors(const RowView& row, float error, float rate, const RowPenalties& penalties) {
    const f4 r = splat(rate), epsilon = splat(adagrad_epsilon);
    for (const auto& [column, x, v] : row.entries) {
      const f4 from_sum = splat(error * x);
      const f4 from_own = splat(penalties.factors[column] - error * x * x);
      float* const squares = factors_.row(column);
      for (std::size_t f = 0; f < row.stride; f += 4) {
        const f4 old = load4(v + f);
        const f4 gradient = from_sum * load4(row.sum + f) + from_own * old;
        at4(squares + f) += gradient * gradient;
        at4(v + f) = old - r * gradient / simd::sqrt4(load4(squares + f) + epsilon);
      }
    }
  }
  void end_batch(FactorizationMachine&, float) {}
  void moved(const FactorizationMachine&) {}

 protected:
  static void step(float& parameter, float& square, float gradient, float rate) {
    square += gradient * gradient;
    parameter -= rate * gradient / std::sqrt(square + adagrad_epsilon);
  }
  float constant_ = 0;
  std::vector<float> linear_;
  Matrix factors_;
};

// FTRL-proximal for the linear part, with the L1 penalty of the options and the column's L2
// penalty:
//   n += g^2,  sigma = 1 / eta - (1 / eta of the step before),  eta = alpha / (beta + sqrt(n)),
//   z += g - sigma w,  w = 0 if |z| <= l1, else -(z - sign(z) l1) / (1 / eta + lambda)
// alpha is the learning rate. Under a constant one sigma is (sqrt(n + g^2) - sqrt(n)) / alpha, as
// in the paper; taken so under one that decays, the formula would draw every w to zero. Here g has
// no penalty in it.
class FmFtrlRule final : public FmAdagradRule {
 public:
  FmFtrlRule(const FmSgdOptions& options, const FactorizationMachine& model,
             const RowPenalties& penalties)
      : FmAdagradRule(options, model, penalties),
        l1_(options.l1 * static_cast<float>(options.epochs)),
        beta_(options.ftrl_beta),
        z_(linear_.size()),
        inverse_rates_(linear_.size(), beta_ / options.learning_rate) {
    for (std::size_t j = 0; j < z_.size(); ++j) {
      // Earlier examples count as steps that were taken.
      if (!model.evidence.empty()) linear_[j] = model.evidence[j];
      inverse_rates_[j] = (beta_ + std::sqrt(linear_[j])) / options.learning_rate;
    }
    penalties_ = penalties.linear;
    moved(model);
  }

  // z such that the formula gives the present w: parameters stay where they are until they are met.
  void moved(const FactorizationMachine& model) {
    for (std::size_t j = 0; j < z_.size(); ++j) {
      const float w = model.linear[j];
      z_[j] = w == 0 ? 0 : -w * (inverse_rates_[j] + penalties_[j]) - std::copysign(l1_, w);
    }
  }

  void linear(const RowView& row, float error, float rate, const RowPenalties& penalties) {
    for (const auto& [column, x, v] : row.entries) {
      float& w = row.linear[column];
      float& n = linear_[column];
      float& z = z_[column];
      const float gradient = error * x;
      n += gradient * gradient;
      const float inverse_rate = (beta_ + std::sqrt(n)) / rate;
      z += gradient - (inverse_rate - inverse_rates_[column]) * w;
      inverse_rates_[column] = inverse_rate;
      w = std::abs(z) <= l1_
              ? 0
              : -(z - std::copysign(l1_, z)) / (inverse_rate + penalties.linear[column]);
    }
  }

 private:
  float l1_, beta_;
  const float* penalties_ = nullptr;
  std::vector<float> z_, inverse_rates_;  // inverse: 1 / eta of each column's last step
};

// Gradients add up over a batch; at its end every column that was met takes one step. Moments are
// moved only then, so the bias correction counts the column's own steps. Its powers of beta are
// kept as running products: no pow, same bits everywhere.
class FmAdamRule {
 public:
  FmAdamRule(const FmSgdOptions& options, const FactorizationMachine& model, const RowPenalties&)
      : beta1_(options.beta1),
        beta2_(options.beta2),
        linear_gradient_(model.columns()),
        linear_(model.columns()),
        powers_(model.columns()),
        gradient_(model.columns(), model.factors.columns()),
        mean_(model.columns(), model.factors.columns()),
        square_(model.columns(), model.factors.columns()),
        met_(model.columns()) {}

  void constant(float& w0, float error, float, float lambda) {
    constant_gradient_ += error + lambda * w0;
    learns_constant_ = true;
  }
  void linear(const RowView& row, float error, float, const RowPenalties& penalties) {
    for (const auto& [column, x, v] : row.entries) {
      meet(column);
      linear_gradient_[column] += error * x + penalties.linear[column] * row.linear[column];
    }
  }
  void factors(const RowView& row, float error, float, const RowPenalties& penalties) {
    for (const auto& [column, x, v] : row.entries) {
      meet(column);
      const f4 from_sum = splat(error * x);
      const f4 from_own = splat(penalties.factors[column] - error * x * x);
      float* const gradient = gradient_.row(column);
      for (std::size_t f = 0; f < row.stride; f += 4) {
        at4(gradient + f) += from_sum * load4(row.sum + f) + from_own * load4(v + f);
      }
    }
  }
  void end_batch(FactorizationMachine& model, float rate) {
    if (learns_constant_) {
      step(model.constant, constant_, constant_gradient_, rate,
           constant_powers_.next(beta1_, beta2_));
      constant_gradient_ = 0;
    }
    const std::size_t stride = gradient_.stride();
    const f4 b1 = splat(beta1_), b2 = splat(beta2_), a1 = splat(1 - beta1_), a2 = splat(1 - beta2_),
             epsilon = splat(adam_epsilon);
    for (const std::uint32_t column : touched_) {
      met_[column] = 0;
      const AdamCorrection correction = powers_[column].next(beta1_, beta2_);
      step(model.linear[column], linear_[column], linear_gradient_[column], rate, correction);
      linear_gradient_[column] = 0;
      const f4 r = splat(rate * correction.mean), c = splat(correction.square);
      float* const v = model.factors.row(column);
      float* const g = gradient_.row(column);
      float* const m = mean_.row(column);
      float* const s = square_.row(column);
      for (std::size_t f = 0; f < stride; f += 4) {
        const f4 gradient = load4(g + f);
        const f4 mean = b1 * load4(m + f) + a1 * gradient;
        const f4 square = b2 * load4(s + f) + a2 * (gradient * gradient);
        at4(m + f) = mean;
        at4(s + f) = square;
        at4(v + f) -= r * mean / (simd::sqrt4(square * c) + epsilon);
        at4(g + f) = splat(0);
      }
    }
    touched_.clear();
  }

  void moved(const FactorizationMachine&) {}

 private:
  struct Moments {
    float mean = 0, square = 0;
  };

  void meet(std::uint32_t column) {
    if (met_[column]) return;
    met_[column] = 1;
    touched_.push_back(column);
  }
  void step(float& parameter, Moments& moments, float gradient, float rate,
            AdamCorrection correction) {
    moments.mean = beta1_ * moments.mean + (1 - beta1_) * gradient;
    moments.square = beta2_ * moments.square + (1 - beta2_) * (gradient * gradient);
    parameter -= rate * correction.mean * moments.mean /
                 (std::sqrt(moments.square * correction.square) + adam_epsilon);
  }

  float beta1_, beta2_;
  float constant_gradient_ = 0;
  bool learns_constant_ = false;
  Moments constant_;
  AdamPowers constant_powers_;
  std::vector<float> linear_gradient_;
  std::vector<Moments> linear_;
  std::vector<AdamPowers> powers_;
  Matrix gradient_, mean_, square_;
  std::vector<char> met_;
  std::vector<std::uint32_t> touched_;
};

}  // namespace featherfm
