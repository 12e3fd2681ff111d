#include "model/compressed.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/panel.h"
#include "base/symmetric_eigen.h"

namespace featherfm {
namespace {

constexpr std::uint32_t oversampling = 10, power_iterations = 4;
constexpr std::uint64_t seed = 1;

// The latent columns of a tower, less their means where it is centered.
struct LatentRows {
  LatentRows(const Matrix& tower, std::size_t factors, bool centered)
      : tower(tower), means(factors) {
    if (!centered) return;
    for (std::size_t r = 0; r < tower.rows(); ++r) {
      for (std::size_t f = 0; f < factors; ++f) means[f] += double{tower.row(r)[f]};
    }
    for (double& mean : means) mean /= static_cast<double>(tower.rows());
  }
  double at(std::size_t r, std::size_t f) const { return double{tower.row(r)[f]} - means[f]; }
  // <row, b>
  double product(std::size_t r, const std::vector<double>& b) const {
    double sum = 0;
    for (std::size_t f = 0; f < b.size(); ++f) sum += at(r, f) * b[f];
    return sum;
  }

  const Matrix& tower;
  std::vector<double> means;
};

// to <- T (F^T from), with T and F the rows of both sides.
void multiply(const LatentRows& from_side, const Panel& from, const LatentRows& to_side,
              Panel& to) {
  const std::size_t factors = from_side.means.size(), width = from.width();
  Panel between(factors, width);
  for (std::size_t r = 0; r < from.rows(); ++r) {
    for (std::size_t f = 0; f < factors; ++f) {
      add_scaled(from_side.at(r, f), from.row(r), between.row(f), width);
    }
  }
  to.clear();
  for (std::size_t r = 0; r < to.rows(); ++r) {
    for (std::size_t f = 0; f < factors; ++f) {
      add_scaled(to_side.at(r, f), between.row(f), to.row(r), width);
    }
  }
}

std::vector<double> gram_of(const Panel& panel) {
  std::vector<double> gram(panel.width() * panel.width());
  for (std::size_t r = 0; r < panel.rows(); r += Panel::piece) panel.add_gram(r, gram);
  return gram;
}

void orthonormalize(Panel& panel) {
  // Cholesky QR; the second pass mends the rounding of the first.
  for (int pass = 0; pass < 2; ++pass) {
    std::vector<double> gram = gram_of(panel);
    factorize_gram(gram, panel.width());
    for (std::size_t r = 0; r < panel.rows(); r += Panel::piece) panel.orthonormalize(gram, r);
  }
}

void check(const Towers& towers, const Posterior* posterior, std::uint32_t factors) {
  require_range<std::uint32_t>(factors, 1, 1024, "factors");
  if (posterior && posterior->task != Task::regression) {
    fail(ErrorCode::invalid_argument, "model",
         {"a Bayesian model of classes predicts their probabilities, which a compressed model "
          "could not"});
  }
  if (towers.factors == 0 || towers.users.rows() == 0 || towers.items.rows() == 0) {
    fail(ErrorCode::invalid_argument, "model",
         {"there is nothing to compress: the model has no factors of users and items"});
  }
}

// Offsets of users and items: what the towers have besides P Q^T, and what centering took away.
void fill_biases(const Towers& towers, const LatentRows& users, const LatentRows& items,
                 MatrixFactorization& model) {
  const std::size_t k = towers.factors;
  std::vector<double> offsets(towers.users.rows());
  double mean = 0;
  for (std::size_t u = 0; u < offsets.size(); ++u) {
    offsets[u] = double{towers.user_offsets[u]} + users.product(u, items.means);
    mean += offsets[u] / static_cast<double>(offsets.size());
  }
  double between = 0;  // <p, q> of the means
  for (std::size_t f = 0; f < k; ++f) between += users.means[f] * items.means[f];
  model.global_bias = static_cast<float>(mean + between);
  for (std::size_t u = 0; u < offsets.size(); ++u) {
    model.user_biases[u] = static_cast<float>(offsets[u] - mean);
  }
  for (std::size_t i = 0; i < towers.items.rows(); ++i) {
    model.item_biases[i] =
        static_cast<float>(double{towers.items.row(i)[k]} + items.product(i, users.means));
  }
}

}  // namespace

MatrixFactorization compressed(const Towers& towers, const Posterior* posterior,
                               std::uint32_t factors) {
  check(towers, posterior, factors);
  const std::size_t most = std::min({towers.factors, towers.users.rows(), towers.items.rows()});
  const std::size_t rank = std::min<std::size_t>(factors, most);
  const std::size_t width = std::min(rank + oversampling, most);
  const bool centered = towers.fold_in.fill == FoldInRule::Fill::none;
  const LatentRows users(towers.users, towers.factors, centered),
      items(towers.items, towers.factors, centered);

  Panel left(towers.users.rows(), width), right(towers.items.rows(), width);
  Random random(seed);
  for (std::size_t r = 0; r < right.rows(); r += Panel::piece) right.draw(r, random);
  multiply(items, right, users, left);
  orthonormalize(left);
  for (std::uint32_t power = 0; power < power_iterations; ++power) {
    multiply(users, left, items, right);
    orthonormalize(right);
    multiply(items, right, users, left);
    orthonormalize(left);
  }
  // P Q^T ~ Q B^T with Q = left and B = right = V S W^T.
  multiply(users, left, items, right);
  SymmetricEigen eigen(symmetric(gram_of(right), width), width);
  while (eigen.rotate_row()) {
  }

  MatrixFactorization model(towers.users.rows(), towers.items.rows(), rank);
  model.link = towers.link;
  model.range = towers.range;
  model.fold_in = towers.fold_in;
  model.fold_in.own_parameters = true;
  if (towers.fold_in.ranking || towers.fold_in.implicit) {
    model.fold_in = {};
    model.fold_in.regularization = model.fold_in.bias_regularization = 0.1f;
  }
  if (posterior) {
    float penalty = 0;
    for (const float one : posterior->penalties) penalty += one;
    penalty /= static_cast<float>(posterior->samples());
    model.fold_in.regularization = model.fold_in.bias_regularization = penalty;
    model.fold_in.frequency_scaling = 0;
  }
  fill_biases(towers, users, items, model);
  const double largest_value = std::sqrt(std::max(eigen.value(0), 0.0));
  std::vector<double> w(width);
  for (std::size_t f = 0; f < rank; ++f) {
    const double singular = std::sqrt(std::max(eigen.value(f), 0.0));
    model.singular_values.push_back(static_cast<float>(singular));
    if (!(singular > largest_value * 1e-7)) continue;  // noise: zeros
    for (std::size_t j = 0; j < width; ++j) w[j] = eigen.vector(j, f);
    // Both signs are right; the item's largest entry is made positive, so that every machine
    // agrees.
    double largest = 0;
    for (std::size_t i = 0; i < right.rows(); ++i) {
      const double x = right.product(i, w);
      if (std::abs(x) > std::abs(largest)) largest = x;
    }
    const double root = largest < 0 ? -std::sqrt(singular) : std::sqrt(singular);
    for (std::size_t u = 0; u < left.rows(); ++u) {
      model.user_factors.row(u)[f] = static_cast<float>(root * left.product(u, w));
    }
    for (std::size_t i = 0; i < right.rows(); ++i) {
      model.item_factors.row(i)[f] = static_cast<float>(right.product(i, w) / root);
    }
  }
  if (!model.all_finite()) {
    fail(ErrorCode::invalid_argument, "model", {"the model's scores are too large to compress"});
  }
  return model;
}

}  // namespace featherfm
