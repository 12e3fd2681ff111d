// The step rules of stochastic gradient descent: what a rating's gradient does to the parameters it
// touches.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/matrix.h"
#include "base/simd.h"
#include "model/matrix_factorization.h"
#include "train/adam_powers.h"
#include "train/mf_sgd.h"

namespace featherfm {

// The parameters as plain pointers: a store through a vector type may alias anything, and would
// make the compiler fetch every pointer of the model again after each step (a third of the speed).
struct Parameters {
  explicit Parameters(MatrixFactorization& model)
      : users(model.user_factors.row(0)),
        items(model.item_factors.row(0)),
        user_biases(model.user_biases.data()),
        item_biases(model.item_biases.data()),
        stride(model.user_factors.stride()),
        global_bias(model.global_bias) {}
  float* user(std::uint32_t u) const { return users + u * stride; }
  float* item(std::uint32_t i) const { return items + i * stride; }

  float *users, *items, *user_biases, *item_biases;
  std::size_t stride;
  float global_bias;
};

// The three step rules. Each moves a pair of rows, or a bias, against the gradient of one rating's
// loss; `error` is weight * (target - prediction). Plain SGD scales by the rate of the epoch, the
// others also by their memory.
class SgdRule {
 public:
  SgdRule(const MfSgdOptions&, const MatrixFactorization&) {}
  void factors(const Parameters& model, std::uint32_t user, std::uint32_t item, float error,
               float rate, float lambda_user, float lambda_item) {
    simd::sgd_step(model.user(user), model.item(item), rate * error, 1 - rate * lambda_user,
                   1 - rate * lambda_item, model.stride);
  }
  void user_bias(float& bias, std::uint32_t, float error, float rate, float lambda) {
    bias += rate * (error - lambda * bias);
  }
  void item_bias(float& bias, std::uint32_t, float error, float rate, float lambda) {
    bias += rate * (error - lambda * bias);
  }
};

class AdagradRule {
 public:
  AdagradRule(const MfSgdOptions&, const MatrixFactorization& model)
      : user_squares_(model.users(), model.factors()),
        item_squares_(model.items(), model.factors()),
        user_bias_squares_(model.users()),
        item_bias_squares_(model.items()) {}
  void factors(const Parameters& model, std::uint32_t user, std::uint32_t item, float error,
               float rate, float lambda_user, float lambda_item) {
    simd::adagrad_step(model.user(user), model.item(item), user_squares_.row(user),
                       item_squares_.row(item), error, rate, lambda_user, lambda_item,
                       model.stride);
  }
  void user_bias(float& bias, std::uint32_t user, float error, float rate, float lambda) {
    step(bias, user_bias_squares_[user], error, rate, lambda);
  }
  void item_bias(float& bias, std::uint32_t item, float error, float rate, float lambda) {
    step(bias, item_bias_squares_[item], error, rate, lambda);
  }

 private:
  static void step(float& bias, float& square, float error, float rate, float lambda) {
    const float gradient = lambda * bias - error;
    square += gradient * gradient;
    bias -= rate * gradient / std::sqrt(square + adagrad_epsilon);
  }
  Matrix user_squares_, item_squares_;
  std::vector<float> user_bias_squares_, item_bias_squares_;
};

// Adam keeps its moments per row and moves them only when the row is met, so the bias correction
// counts the row's own steps. Its powers of beta are kept as running products: no pow, same bits
// everywhere.
class AdamRule {
 public:
  AdamRule(const MfSgdOptions& options, const MatrixFactorization& model)
      : beta1_(options.beta1),
        beta2_(options.beta2),
        users_(model.users(), model.factors()),
        items_(model.items(), model.factors()),
        old_user_(padded(model.factors())) {}
  void factors(const Parameters& model, std::uint32_t user, std::uint32_t item, float error,
               float rate, float lambda_user, float lambda_item) {
    const std::size_t n = model.stride;
    float* p = model.user(user);
    float* q = model.item(item);
    std::copy(p, p + n, old_user_.data());
    const AdamCorrection cu = users_.powers[user].next(beta1_, beta2_);
    const AdamCorrection ci = items_.powers[item].next(beta1_, beta2_);
    simd::adam_step(p, q, users_.mean.row(user), users_.square.row(user), error, lambda_user,
                    rate * cu.mean, cu.square, beta1_, beta2_, n);
    simd::adam_step(q, old_user_.data(), items_.mean.row(item), items_.square.row(item), error,
                    lambda_item, rate * ci.mean, ci.square, beta1_, beta2_, n);
  }
  void user_bias(float& bias, std::uint32_t user, float error, float rate, float lambda) {
    step(bias, users_.bias[user], error, rate, lambda);
  }
  void item_bias(float& bias, std::uint32_t item, float error, float rate, float lambda) {
    step(bias, items_.bias[item], error, rate, lambda);
  }

 private:
  struct BiasMoments {
    float mean = 0, square = 0;
    AdamPowers powers;
  };
  struct Side {
    Side(std::size_t rows, std::size_t factors)
        : mean(rows, factors), square(rows, factors), powers(rows), bias(rows) {}
    Matrix mean, square;
    std::vector<AdamPowers> powers;
    std::vector<BiasMoments> bias;
  };
  void step(float& bias, BiasMoments& moments, float error, float rate, float lambda) {
    const AdamCorrection c = moments.powers.next(beta1_, beta2_);
    const float gradient = lambda * bias - error;
    moments.mean = beta1_ * moments.mean + (1 - beta1_) * gradient;
    moments.square = beta2_ * moments.square + (1 - beta2_) * (gradient * gradient);
    bias -= rate * c.mean * moments.mean / (std::sqrt(moments.square * c.square) + adam_epsilon);
  }
  float beta1_, beta2_;
  Side users_, items_;
  AlignedFloats old_user_;
};

}  // namespace featherfm
