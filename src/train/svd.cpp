#include "train/svd.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/panel.h"
#include "base/random.h"
#include "base/symmetric_eigen.h"

namespace featherfm {
namespace {

class Svd final : public MfTrainer {
 public:
  Svd(const SvdOptions& options, std::shared_ptr<const Interactions> data)
      : options_(options), data_(std::move(data)) {
    if (data_->size() == 0) {
      fail(ErrorCode::empty, "data", {"there is no interaction to train on"});
    }
    const std::uint32_t smaller = std::min(data_->users(), data_->items());
    rank_ = std::min(options.factors, smaller);
    width_ = std::min(rank_ + options.oversampling, smaller);
    fill_gaps();
  }

  const MatrixFactorization& model() const override { return model_; }
  std::uint32_t best_epoch() const override { return complete_ ? 1 : 0; }

 private:
  // Rows worked on between two pauses.
  static constexpr std::size_t piece = Panel::piece;

  Work train() override {
    Panel left(data_->users(), width_), right(data_->items(), width_);
    Random random(options_.seed);
    for (std::size_t row = 0; row < right.rows(); row += piece) {
      right.draw(row, random);
      co_yield Pause{};
    }

    // The range of F, sharpened by powers of F F^T: products with F and F^T in turn, made
    // orthonormal after each. The last product is B = F^T Q with Q = left.
    const std::uint32_t products = 2 + 2 * options_.power_iterations;
    std::vector<double> gram(width_ * width_);
    for (std::uint32_t product = 0; product < products; ++product) {
      const bool forward = product % 2 == 0;
      Panel& to = forward ? left : right;
      begin_product(forward, left, right);
      for (std::size_t user = 0; user < left.rows(); user += piece) {
        multiply_users(user, forward, left, right);
        co_yield Pause{};
      }
      // Cholesky QR; the second pass mends the rounding of the first. The last product keeps its
      // lengths: the Gram matrix of B has the squared singular values and the small rotation.
      const bool last = product + 1 == products;
      for (int pass = 0; pass < (last ? 1 : 2); ++pass) {
        std::fill(gram.begin(), gram.end(), 0.0);
        for (std::size_t row = 0; row < to.rows(); row += piece) {
          to.add_gram(row, gram);
          co_yield Pause{};
        }
        if (last) break;
        factorize_gram(gram, width_);
        for (std::size_t row = 0; row < to.rows(); row += piece) {
          to.orthonormalize(gram, row);
          co_yield Pause{};
        }
      }
      fraction_ = double(product + 1) / (products + 1);
    }

    SymmetricEigen eigen(symmetric(std::move(gram), width_), width_);
    while (eigen.rotate_row()) co_yield Pause{};
    begin_model();
    for (std::uint32_t f = 0; f < rank_; ++f) {
      fill_factor(f, left, right, eigen);
      co_yield Pause{};
    }
    if (!model_.all_finite()) {
      fail(ErrorCode::diverged, "ratings", {"the decomposition is not finite: ratings too large"});
    }
    complete_ = true;

    double squared = 0;
    for (std::uint32_t user = 0; user < data_->users(); ++user) {
      add_squared_errors(user, squared);
      if (user % piece == 0) co_yield Pause{};
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
  [[gnu::noinline]] void begin_product(bool forward, Panel& left, Panel& right) const {
    Panel& to = forward ? left : right;
    const Panel& from = forward ? right : left;
    const std::vector<double>& outer = forward ? user_fill_ : item_fill_;
    const std::vector<double>& inner = forward ? item_fill_ : user_fill_;
    std::vector<double> sums(width_);
    for (std::size_t r = 0; r < from.rows(); ++r)
      add_scaled(inner[r], from.row(r), sums.data(), width_);
    for (std::size_t r = 0; r < to.rows(); ++r) {
      for (std::size_t j = 0; j < width_; ++j) to.row(r)[j] = outer[r] * sums[j];
    }
  }

  // Functions from here on do a piece of rows, from `row` on. They stay out of line: inlined into
  // the coroutine above they would be copied to each of its phases.

  // The sparse part of the users' products: left.row(user) += S right, or right += S^T
  // left.row(user).
  [[gnu::noinline]] void multiply_users(std::size_t first, bool forward, Panel& left,
                                        Panel& right) const {
    const auto end = static_cast<std::uint32_t>(left.end_of_piece(first));
    for (auto user = static_cast<std::uint32_t>(first); user < end; ++user) {
      for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
        const std::uint32_t item = data_->item_at(p);
        const double above_fill = data_->value_at(p) - user_fill_[user] * item_fill_[item];
        double* const l = left.row(user);
        double* const r = right.row(item);
        add_scaled(above_fill, forward ? r : l, forward ? l : r, width_);
      }
    }
  }

  // Everything but the factors.
  [[gnu::noinline]] void begin_model() {
    model_ = MatrixFactorization(data_->users(), data_->items(), rank_);
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
  }

  // F ~ Q B^T with B = V S W^T: users get (Q W) sqrt(S), items V sqrt(S) = (B W) / sqrt(S).
  [[gnu::noinline]] void fill_factor(std::uint32_t f, const Panel& q, const Panel& b,
                                     const SymmetricEigen& eigen) {
    const double singular = std::sqrt(std::max(eigen.value(f), 0.0));
    model_.singular_values.push_back(static_cast<float>(singular));
    if (!(singular > std::sqrt(std::max(eigen.value(0), 0.0)) * 1e-7)) return;  // noise: zeros
    std::vector<double> w(width_);
    for (std::size_t j = 0; j < width_; ++j) w[j] = eigen.vector(j, f);
    const double root = std::sqrt(singular);
    // Both signs are right; the item's largest entry is made positive, so that every machine
    // agrees.
    double largest = 0;
    for (std::size_t item = 0; item < b.rows(); ++item) {
      const double x = b.product(item, w);
      if (std::abs(x) > std::abs(largest)) largest = x;
    }
    const double sign = largest < 0 ? -1 : 1;
    for (std::size_t user = 0; user < q.rows(); ++user) {
      model_.user_factors.row(user)[f] = static_cast<float>(sign * root * q.product(user, w));
    }
    for (std::size_t item = 0; item < b.rows(); ++item) {
      model_.item_factors.row(item)[f] = static_cast<float>(sign / root * b.product(item, w));
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
  std::uint32_t rank_ = 0, width_ = 0;  // singular vectors kept, and worked with
  std::vector<double> user_fill_, item_fill_;
  bool complete_ = false;
  MatrixFactorization model_;
};

}  // namespace

void SvdOptions::validate() const {
  require_range<std::uint32_t>(factors, 1, 1024, "factors");
  require_range<std::uint32_t>(oversampling, 0, 1024, "oversampling");
  require_range<std::uint32_t>(power_iterations, 0, 100, "powerIterations");
  if (!std::isfinite(fill_value)) {
    fail(ErrorCode::not_finite, "fill", {"fill must be finite; got ", fill_value});
  }
  validate_value_range(value_range);
}

std::unique_ptr<MfTrainer> make_svd(const SvdOptions& options,
                                    std::shared_ptr<const Interactions> data) {
  options.validate();
  return std::make_unique<Svd>(options, std::move(data));
}

}  // namespace featherfm
