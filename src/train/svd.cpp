#include "train/svd.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace featherfm {
namespace {

// Work is done in double and rounded once at the end: small singular values come out of differences of large ones.
using Panel = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Square = Eigen::MatrixXd;
using Index = Eigen::Index;

// Eigen counts with signed numbers.
Index at(std::uint32_t index) { return static_cast<Index>(index); }

class Svd final : public Trainer {
 public:
  Svd(const SvdOptions& options, std::shared_ptr<const Interactions> data)
      : options_(options), data_(std::move(data)) {
    if (data_->size() == 0) {
      throw Error(ErrorCode::empty, "data", "there is no interaction to train on");
    }
    const Index smaller = at(std::min(data_->users(), data_->items()));
    rank_ = std::min(at(options.factors), smaller);
    width_ = std::min(rank_ + at(options.oversampling), smaller);
    fill_gaps();
  }

  const MatrixFactorization& model() const override { return model_; }
  std::uint32_t best_epoch() const override { return model_.users() > 0 ? 1 : 0; }

 private:
  Work train() override {
    const Index users = at(data_->users()), items = at(data_->items());
    const double pieces_in_all = 2 + 2 * options_.power_iterations;
    double pieces = 0;
    Panel left(users, width_), right(items, width_);
    Random random(options_.seed);
    for (Index item = 0; item < items; ++item) {
      for (Index j = 0; j < width_; ++j) right(item, j) = random.normal();
      if (item % 256 == 0) co_yield Pause{};
    }

    // The range of F, sharpened by powers of F F^T, with an orthonormal basis after every half step.
    Square gram(width_, width_);
    for (std::uint32_t half = 0; half < 1 + 2 * options_.power_iterations; ++half) {
      const bool forward = half % 2 == 0;
      Panel& to = forward ? left : right;
      begin_product(forward, left, right);
      for (std::uint32_t user = 0; user < data_->users(); ++user) {
        multiply_user(user, forward, left, right);
        if (user % 16 == 0) co_yield Pause{};
      }
      for (int pass = 0; pass < 2; ++pass) {  // the second pass mends the rounding of the first
        gram.setZero();
        for (Index row = 0; row < to.rows(); row += rows_per_piece) {
          add_gram(to, row, gram);
          co_yield Pause{};
        }
        const Square basis = orthonormalizing(gram);
        for (Index row = 0; row < to.rows(); row += rows_per_piece) {
          multiply_rows(to, row, basis);
          co_yield Pause{};
        }
      }
      fraction_ = ++pieces / pieces_in_all;
    }

    // With Q = left: B = F^T Q, whose Gram matrix has the squared singular values and the small rotation.
    begin_product(false, left, right);
    for (std::uint32_t user = 0; user < data_->users(); ++user) {
      multiply_user(user, false, left, right);
      if (user % 16 == 0) co_yield Pause{};
    }
    gram.setZero();
    for (Index row = 0; row < right.rows(); row += rows_per_piece) {
      add_gram(right, row, gram);
      co_yield Pause{};
    }
    const Eigen::SelfAdjointEigenSolver<Square> eigen(gram);
    fill_model(left, right, eigen);
    co_yield Pause{};

    double squared = 0;
    for (std::uint32_t user = 0; user < data_->users(); ++user) {
      add_squared_errors(user, squared);
      if (user % 64 == 0) co_yield Pause{};
    }
    EpochLosses losses;
    losses.train.loss = squared / data_->size();
    losses.train.rmse = std::sqrt(losses.train.loss);
    finished_epoch_ = losses;
  }

  // The fill as a b^T: a per user, b per item.
  void fill_gaps() {
    const std::uint32_t users = data_->users(), items = data_->items();
    double sum = 0;
    std::vector<double> user_sum(users), item_sum(items);
    for (std::uint32_t user = 0; user < users; ++user) {
      for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
        sum += data_->value_at(p);
        user_sum[user] += data_->value_at(p);
        item_sum[data_->item_at(p)] += data_->value_at(p);
      }
    }
    const double mean = sum / data_->size();
    user_fill_.assign(users, 1);
    item_fill_.assign(items, 1);
    switch (options_.fill) {
      case Fill::constant:
        item_fill_.assign(items, options_.fill_value);
        break;
      case Fill::global_mean:
        item_fill_.assign(items, mean);
        break;
      case Fill::user_mean:
        for (std::uint32_t user = 0; user < users; ++user) {
          const std::uint32_t count = data_->user_end(user) - data_->user_begin(user);
          user_fill_[user] = count > 0 ? user_sum[user] / count : mean;
        }
        break;
      case Fill::item_mean: {
        const auto counts = data_->item_counts();
        for (std::uint32_t item = 0; item < items; ++item) {
          item_fill_[item] = counts[item] > 0 ? item_sum[item] / counts[item] : mean;
        }
        break;
      }
    }
  }

  // The rank-one part of a product: left = a (b^T right), or right = b (a^T left).
  void begin_product(bool forward, Panel& left, Panel& right) const {
    const Eigen::Map<const Eigen::VectorXd> a(user_fill_.data(), left.rows());
    const Eigen::Map<const Eigen::VectorXd> b(item_fill_.data(), right.rows());
    if (forward) {
      const Eigen::RowVectorXd sums = b.transpose() * right;
      left = a * sums;
    } else {
      const Eigen::RowVectorXd sums = a.transpose() * left;
      right = b * sums;
    }
  }

  // The sparse part of one user: left.row(user) += S right, or right += S^T left.row(user).
  void multiply_user(std::uint32_t user, bool forward, Panel& left, Panel& right) const {
    for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
      const std::uint32_t item = data_->item_at(p);
      const double above_fill = data_->value_at(p) - user_fill_[user] * item_fill_[item];
      if (forward) {
        left.row(at(user)) += above_fill * right.row(at(item));
      } else {
        right.row(at(item)) += above_fill * left.row(at(user));
      }
    }
  }

  static constexpr Index rows_per_piece = 256;

  static void add_gram(const Panel& panel, Index row, Square& gram) {
    const auto rows = panel.middleRows(row, std::min(rows_per_piece, panel.rows() - row));
    gram.noalias() += rows.transpose() * rows;
  }

  static void multiply_rows(Panel& panel, Index row, const Square& by) {
    auto rows = panel.middleRows(row, std::min(rows_per_piece, panel.rows() - row));
    rows = (rows * by).eval();
  }

  // What makes columns with this Gram matrix orthonormal: its eigenvectors over the roots of its eigenvalues. Directions
  // that are only rounding noise (the matrix has a smaller rank) become zero.
  static Square orthonormalizing(const Square& gram) {
    const Eigen::SelfAdjointEigenSolver<Square> eigen(gram);
    const double largest = eigen.eigenvalues().maxCoeff();
    Square result = eigen.eigenvectors();
    for (Index j = 0; j < result.cols(); ++j) {
      const double value = eigen.eigenvalues()[j];
      result.col(j) *= value > largest * 1e-13 ? 1 / std::sqrt(value) : 0;
    }
    return result;
  }

  // F ~ Q B^T with B = V S W^T: users get (Q W) sqrt(S), items V sqrt(S) = (B W) / sqrt(S). Eigenvalues ascend.
  void fill_model(const Panel& q, const Panel& b, const Eigen::SelfAdjointEigenSolver<Square>& eigen) {
    model_ = MatrixFactorization(data_->users(), data_->items(),
                                 static_cast<std::size_t>(rank_));
    const double largest = std::sqrt(std::max(eigen.eigenvalues().maxCoeff(), 0.0));
    for (Index f = 0; f < rank_; ++f) {
      const Index j = width_ - 1 - f;
      const double singular = std::sqrt(std::max(eigen.eigenvalues()[j], 0.0));
      model_.singular_values.push_back(static_cast<float>(singular));
      if (!(singular > largest * 1e-7)) continue;  // noise: zero columns
      const Eigen::VectorXd w = eigen.eigenvectors().col(j);
      const Eigen::VectorXd users = (q * w) * std::sqrt(singular);
      const Eigen::VectorXd items = (b * w) / std::sqrt(singular);
      // Both signs are right; the item's largest entry is made positive, so that every machine agrees.
      Index top;
      items.cwiseAbs().maxCoeff(&top);
      const double sign = items[top] < 0 ? -1 : 1;
      write_column(sign * users, model_.user_factors, f);
      write_column(sign * items, model_.item_factors, f);
    }
    const auto [low, high] = data_->value_range();
    model_.range = options_.value_range.value_or(ValueRange{low, high});
    model_.fold_in.user_bias = false;
    model_.fold_in.regularization = 0;
    if (options_.fill == Fill::user_mean) {
      model_.fold_in.fill = FoldInRule::Fill::user_mean;
    } else {
      model_.fold_in.fill = FoldInRule::Fill::per_item;
      model_.fold_in.item_fill.assign(item_fill_.begin(), item_fill_.end());
    }
    if (!model_.all_finite()) {
      throw Error(ErrorCode::diverged, "ratings", "the decomposition is not finite: ratings too large");
    }
  }

  static void write_column(const Eigen::VectorXd& values, Matrix& matrix, Index column) {
    for (Index r = 0; r < values.size(); ++r) {
      matrix.row(static_cast<std::size_t>(r))[column] = static_cast<float>(values[r]);
    }
  }

  void add_squared_errors(std::uint32_t user, double& squared) const {
    for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
      const double error = data_->value_at(p) - score(model_, user, data_->item_at(p));
      squared += error * error;
    }
  }

  SvdOptions options_;
  std::shared_ptr<const Interactions> data_;
  Index rank_ = 0, width_ = 0;  // singular vectors kept, and worked with
  std::vector<double> user_fill_, item_fill_;
  MatrixFactorization model_;
};

}  // namespace

void SvdOptions::validate() const {
  require_range<std::uint32_t>(factors, 1, 1024, "factors");
  require_range<std::uint32_t>(oversampling, 0, 1024, "oversampling");
  require_range<std::uint32_t>(power_iterations, 0, 100, "powerIterations");
  if (!std::isfinite(fill_value)) {
    throw Error(ErrorCode::not_finite, "fill", "fill must be finite; got " + show(fill_value));
  }
  validate_value_range(value_range);
}

std::unique_ptr<Trainer> make_svd(const SvdOptions& options,
                                  std::shared_ptr<const Interactions> data) {
  options.validate();
  return std::make_unique<Svd>(options, std::move(data));
}

}  // namespace featherfm
