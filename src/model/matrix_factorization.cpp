#include "model/matrix_factorization.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/simd.h"

namespace featherfm {
namespace {

// [factors, bias] of each row.
Matrix tower(const Matrix& factors, const float* biases) {
  Matrix result(factors.rows(), factors.columns() + 1);
  for (std::size_t r = 0; r < factors.rows(); ++r) {
    const auto from = factors.columns_of(r);
    std::copy(from.begin(), from.end(), result.row(r));
    result.row(r)[factors.columns()] = biases != nullptr ? biases[r] : 1.0f;
  }
  return result;
}

}  // namespace

void MatrixFactorization::grow(std::size_t users, std::size_t items) {
  user_factors.grow(std::max(users, this->users()));
  item_factors.grow(std::max(items, this->items()));
  user_biases.resize(user_factors.rows());
  item_biases.resize(item_factors.rows());
  if (!fold_in.item_fill.empty()) fold_in.item_fill.resize(item_factors.rows());
}

bool MatrixFactorization::all_finite() const {
  return std::isfinite(global_bias) && finite(user_biases) && finite(item_biases) &&
         finite(user_factors.storage()) && finite(item_factors.storage());
}

Towers MatrixFactorization::towers() const {
  Towers result;
  result.factors = factors();
  result.users = tower(user_factors, nullptr);
  result.items = tower(item_factors, item_biases.data());
  result.user_offsets = user_biases;
  for (float& offset : result.user_offsets) offset += global_bias;
  result.base_offset = global_bias;
  result.link = link;
  result.range = range;
  result.fold_in = fold_in;
  return result;
}

float score(const MatrixFactorization& model, std::uint32_t user, std::uint32_t item) {
  float result = model.global_bias;
  if (user < model.users()) result += model.user_biases[user];
  if (item < model.items()) result += model.item_biases[item];
  if (user < model.users() && item < model.items()) {
    result += simd::dot(model.user_factors.row(user), model.item_factors.row(item),
                        model.user_factors.stride());
  }
  return result;
}

MatrixFactorization popularity(const Interactions& data) {
  if (data.size() == 0) {
    fail(ErrorCode::empty, "data", {"there is no interaction to count"});
  }
  MatrixFactorization model(data.users(), data.items(), 0);
  const auto counts = data.item_counts();
  std::transform(counts.begin(), counts.end(), model.item_biases.begin(),
                 [](std::uint32_t count) { return static_cast<float>(count); });
  model.range.high = model.item_biases.empty()
                         ? 0
                         : *std::max_element(model.item_biases.begin(), model.item_biases.end());
  model.fold_in.user_bias = false;
  return model;
}

}  // namespace featherfm
