#include "train/mf_als.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/portable_math.h"
#include "base/ridge.h"
#include "train/mf_validation.h"

namespace featherfm {
namespace {

class MfAls final : public MfTrainer {
 public:
  MfAls(const MfOptions& options, std::shared_ptr<const Interactions> data,
        std::shared_ptr<const Interactions> validation, std::optional<MatrixFactorization> start)
      : options_(options),
        data_(std::move(data)),
        model_(initial_model(options, Link::identity, *data_, std::move(start))),
        by_item_(*data_),
        user_ridge_(options.factors + (options.user_bias ? 1 : 0)),
        item_ridge_(options.factors + (options.item_bias ? 1 : 0)),
        validation_(std::move(validation), options.patience),
        penalties_(options.factors + 1),
        solution_(options.factors + 1) {
    validation_.start_from(model_);
  }

  const MatrixFactorization& model() const override { return validation_.best_model(); }
  std::uint32_t best_epoch() const override { return validation_.best_epoch(); }

 private:
  // Ratings gathered between two pauses: with 128 factors about a millisecond of work.
  static constexpr std::uint32_t piece = 256;

  Work train() override {
    for (RandomFactors factors(options_, *data_); !factors.draw_rows(model_);) co_yield Pause{};
    std::uint32_t work = 0;
    for (epoch_ = 1;; ++epoch_) {
      // Very popular items have tens of thousands of ratings, so pauses come within a row too.
      for (std::uint32_t user = 0; user < data_->users(); ++user) {
        for (std::uint32_t position = data_->user_begin(user); position < data_->user_end(user);
             ++position) {
          gather(user_ridge_, position, model_.item_factors, model_.item_biases,
                 data_->item_at(position));
          if (++work % piece == 0) co_yield Pause{};
        }
        solve(user_ridge_, user, data_->user_end(user) - data_->user_begin(user),
              options_.user_regularization, model_.user_factors, model_.user_biases);
        if (++work % piece == 0) co_yield Pause{};
        fraction_ = (epoch_ - 1 + 0.5 * (user + 1) / data_->users()) / options_.epochs;
      }
      for (std::uint32_t item = 0; item < data_->items(); ++item) {
        const std::uint32_t begin = by_item_.offsets[item], end = by_item_.offsets[item + 1];
        for (std::uint32_t k = begin; k < end; ++k) {
          gather(item_ridge_, by_item_.positions[k], model_.user_factors, model_.user_biases,
                 by_item_.users[k]);
          if (++work % piece == 0) co_yield Pause{};
        }
        solve(item_ridge_, item, end - begin, options_.item_regularization, model_.item_factors,
              model_.item_biases);
        if (++work % piece == 0) co_yield Pause{};
        fraction_ = (epoch_ - 0.5 + 0.5 * (item + 1) / data_->items()) / options_.epochs;
      }
      if (!model_.all_finite()) {
        fail(ErrorCode::diverged, "regularization",
             {"training diverged in epoch ", epoch_,
              ": parameters are no longer finite. Raise regularization"});
      }

      double squared = 0, weight = 0;
      for (std::uint32_t user = 0; user < data_->users(); ++user) {
        add_squared_errors(user, squared, weight);
        if (user % 64 == 0) co_yield Pause{};
      }
      const double mean = squared / (weight > 0 ? weight : 1);
      while (!validation_.measure(model_)) co_yield Pause{};
      finished_epoch_ = validation_.finish_epoch(epoch_, model_, {mean, std::sqrt(mean), 0});
      stopped_early_ = epoch_ < options_.epochs && validation_.should_stop();
      if (epoch_ == options_.epochs || stopped_early_) co_return;
      co_yield Pause{};
    }
  }

  // Adds one rating to the normal equations of a row; `other` is the row of the side that is held.
  void gather(Ridge& ridge, std::uint32_t position, const Matrix& factors,
              const std::vector<float>& biases, std::uint32_t other) {
    ridge.add(factors.columns_of(other),
              data_->value_at(position) - model_.global_bias - biases[other],
              data_->weight_at(position));
  }

  void solve(Ridge& ridge, std::uint32_t row, std::uint32_t count, float lambda, Matrix& factors,
             std::vector<float>& biases) {
    if (count == 0) return;
    const auto scale = static_cast<float>(portable_pow(count, options_.frequency_scaling));
    const bool with_bias = ridge.width() > options_.factors;
    std::fill_n(penalties_.begin(), options_.factors, lambda * scale);
    if (with_bias) penalties_[options_.factors] = options_.bias_regularization * scale;
    ridge.factorize(std::span(penalties_).first(ridge.width()));
    ridge.solve(std::span(solution_).first(ridge.width()));
    ridge.clear();
    std::copy_n(solution_.begin(), options_.factors, factors.row(row));
    if (with_bias) biases[row] = solution_[options_.factors];
  }

  void add_squared_errors(std::uint32_t user, double& squared, double& weight) const {
    for (std::uint32_t position = data_->user_begin(user); position < data_->user_end(user);
         ++position) {
      const double error =
          data_->value_at(position) - score(model_, user, data_->item_at(position));
      squared += data_->weight_at(position) * error * error;
      weight += data_->weight_at(position);
    }
  }

  MfOptions options_;
  std::shared_ptr<const Interactions> data_;
  MatrixFactorization model_;
  ByItem by_item_;
  Ridge user_ridge_, item_ridge_;
  MfValidation validation_;
  std::vector<float> penalties_, solution_;
};

}  // namespace

std::unique_ptr<MfTrainer> make_mf_als(const MfOptions& options,
                                       std::shared_ptr<const Interactions> data,
                                       std::shared_ptr<const Interactions> validation,
                                       std::optional<MatrixFactorization> start) {
  options.validate();
  return std::make_unique<MfAls>(options, std::move(data), std::move(validation), std::move(start));
}

}  // namespace featherfm
