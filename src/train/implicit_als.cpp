#include "train/implicit_als.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/gram.h"
#include "base/random.h"
#include "base/simd.h"
#include "train/implicit_sweeps.h"
#include "train/implicit_validation.h"
#include "train/validation.h"

namespace featherfm {
namespace {

class ImplicitAls final : public ModelTrainer<MatrixFactorization> {
 public:
  ImplicitAls(const ImplicitAlsOptions& options, std::shared_ptr<const Interactions> data,
              std::shared_ptr<const Interactions> validation,
              std::optional<MatrixFactorization> start)
      : options_(options),
        data_(std::move(data)),
        model_(first_model(options, *data_, std::move(start))),
        rule_(*model_.fold_in.implicit),
        by_user_(entries_by_user(*data_, rule_)),
        by_item_(transposed(by_user_, data_->items())),
        users_(options.factors),
        items_(options.factors),
        validation_(std::move(validation), rule_),
        best_(options.patience) {
    best_.start_from(model_);
  }

  const MatrixFactorization& model() const override { return best_.model(); }
  std::uint32_t best_epoch() const override { return best_.epoch(); }

 private:
  static MatrixFactorization first_model(const ImplicitAlsOptions& options,
                                         const Interactions& data,
                                         std::optional<MatrixFactorization> start) {
    if (data.size() == 0) {
      fail(ErrorCode::empty, "data", {"there is no interaction to train on"});
    }
    MatrixFactorization model(data.users(), data.items(), options.factors);
    if (start) {
      if (start->factors() != options.factors) {
        fail(
            ErrorCode::invalid_argument, "factors",
            {"a model with ", start->factors(), " factors cannot continue with ", options.factors});
      }
      model = std::move(*start);
      model.grow(data.users(), data.items());
    }
    constexpr float most = std::numeric_limits<float>::max();
    model.range = {-most, most};  // scores are near 0 and 1, but not limited to that
    const std::optional<ImplicitRule> rule_before = model.fold_in.implicit;
    model.fold_in = {};
    model.fold_in.regularization = options.regularization;
    model.fold_in.frequency_scaling = options.frequency_scaling;
    model.fold_in.user_bias = false;
    model.fold_in.implicit = make_rule(options, data, rule_before);
    return model;
  }

  static ImplicitRule make_rule(const ImplicitAlsOptions& options, const Interactions& data,
                                const std::optional<ImplicitRule>& before) {
    ImplicitRule rule{1, options.unobserved_weight, options.positive_from};
    if (options.alpha) {
      rule.alpha = *options.alpha;
    } else if (before) {
      rule.alpha = before->alpha;
    } else {
      double sum = 0, count = 0;
      for (std::uint32_t p = 0; p < data.size(); ++p) {
        const double strength = rule.strength(data.value_at(p), data.weight_at(p));
        sum += std::abs(strength);
        if (strength != 0) ++count;
      }
      if (sum > 0) rule.alpha = static_cast<float>(count / sum);
    }
    return rule;
  }

  Work train() override {
    Random random(options_.seed);
    for (std::uint32_t user = 0; user < data_->users(); ++user) {
      draw(random, by_user_, user, model_.user_factors);
      if (user % 256 == 0) co_yield Pause{};
    }
    for (std::uint32_t item = 0; item < data_->items(); ++item) {
      draw(random, by_item_, item, model_.item_factors);
      if (item % 256 == 0) co_yield Pause{};
    }
    while (!items_.add_rows(model_.item_factors)) co_yield Pause{};
    for (epoch_ = 1;; ++epoch_) {
      for (const bool of_users : {true, false}) {
        const Matrix gram = (of_users ? items_ : users_).scaled(rule_.unobserved_weight);
        std::uint32_t next_row = 0;
        for (Work half = half_sweep(of_users, gram, next_row); half.resume(), !half.done();) {
          const double share = next_row / double(of_users ? data_->users() : data_->items());
          fraction_ = (epoch_ - 1 + 0.5 * (of_users ? share : 1 + share)) / options_.epochs;
          co_yield Pause{};
        }
        GramSum& changed = of_users ? users_ : items_;
        changed.clear();
        while (!changed.add_rows(of_users ? model_.user_factors : model_.item_factors)) {
          co_yield Pause{};
        }
      }
      fraction_ = double(epoch_) / options_.epochs;
      if (!model_.all_finite()) {
        fail(ErrorCode::diverged, "regularization",
             {"training diverged in epoch ", epoch_,
              ": parameters are no longer finite. Raise regularization or lower alpha"});
      }

      double squared = 0, confidence = 0;
      for (std::uint32_t user = 0; user < data_->users(); ++user) {
        add_observed_errors(user, squared, confidence);
        if (user % 64 == 0) co_yield Pause{};
      }
      const double mean = training_loss(squared, confidence);
      while (!validation_.measure(model_, *data_)) co_yield Pause{};
      finished_epoch_ =
          best_.finish(epoch_, model_, {mean, std::sqrt(mean), 0}, validation_.take());
      stopped_early_ = epoch_ < options_.epochs && best_.should_stop();
      if (epoch_ == options_.epochs || stopped_early_) co_return;
      co_yield Pause{};
    }
  }

  // Rows with entries that are still zero: N(0, 0.01 / factors), so that scores start around 0.
  void draw(Random& random, const ImplicitEntries& entries, std::uint32_t row, Matrix& factors) {
    if (entries.count(row) == 0) return;
    const auto values = factors.columns_of(row);
    if (std::ranges::any_of(values, [](float x) { return x != 0; })) return;
    const float scale = 0.1f / std::sqrt(static_cast<float>(options_.factors));
    for (float& value : values) value = static_cast<float>(random.normal()) * scale;
  }

  Work half_sweep(bool of_users, const Matrix& gram, std::uint32_t& next_row) {
    const HalfSweep sweep{of_users ? by_user_ : by_item_,
                          rule_,
                          options_.regularization,
                          options_.frequency_scaling,
                          of_users ? model_.item_factors : model_.user_factors,
                          gram,
                          of_users ? model_.user_factors : model_.item_factors,
                          next_row};
    switch (options_.solver) {
      case ImplicitSolver::cholesky:
        return cholesky_sweep(sweep);
      case ImplicitSolver::subspace: {
        const auto block = static_cast<std::uint32_t>(padded(options_.block_size));
        return subspace_sweep(sweep, block);
      }
      default:
        return conjugate_gradient_sweep(sweep, options_.steps);
    }
  }

  // sum (w + |s|) (p - score)^2 - w score^2: what observations add to w times all squared scores.
  void add_observed_errors(std::uint32_t user, double& squared, double& confidence) const {
    const double w = rule_.unobserved_weight;
    for (std::uint32_t e = by_user_.offsets[user]; e < by_user_.offsets[user + 1]; ++e) {
      const double strength = by_user_.strengths[e];
      const double score =
          simd::dot(model_.user_factors.row(user), model_.item_factors.row(by_user_.others[e]),
                    model_.item_factors.stride());
      const double error = (strength > 0 ? 1 : 0) - score;
      squared += (w + std::abs(strength)) * error * error - w * score * score;
      confidence += std::abs(strength);
    }
  }

  double training_loss(double squared, double confidence) const {
    const double w = rule_.unobserved_weight;
    squared += w * users_.inner_product(items_);
    confidence += w * double(data_->users()) * double(data_->items());
    return confidence > 0 ? std::max(0.0, squared) / confidence : 0;
  }

  ImplicitAlsOptions options_;
  std::shared_ptr<const Interactions> data_;
  MatrixFactorization model_;
  ImplicitRule rule_;
  ImplicitEntries by_user_, by_item_;
  GramSum users_, items_;
  ImplicitValidation validation_;
  BestEpoch<MatrixFactorization> best_;
};

}  // namespace

void ImplicitAlsOptions::validate() const {
  require_range<std::uint32_t>(factors, 1, 1024, "factors");
  require_range<std::uint32_t>(epochs, 1, 100'000, "epochs");
  if (alpha) require_range(*alpha, std::numeric_limits<float>::min(), 1e6f, "alpha");
  require_range(unobserved_weight, 0.0f, 1e6f, "unobservedWeight");
  if (positive_from && !std::isfinite(*positive_from)) {
    fail(ErrorCode::not_finite, "positiveFrom", {"positiveFrom must be finite"});
  }
  require_range(regularization, 0.0f, 1e6f, "regularization");
  require_range(frequency_scaling, 0.0f, 1.0f, "frequencyScaling");
  require_range<std::uint32_t>(steps, 1, 1000, "cgSteps");
  require_range<std::uint32_t>(block_size, 1, 1024, "blockSize");
}

std::unique_ptr<ModelTrainer<MatrixFactorization>> make_implicit_als(
    const ImplicitAlsOptions& options, std::shared_ptr<const Interactions> data,
    std::shared_ptr<const Interactions> validation, std::optional<MatrixFactorization> start) {
  options.validate();
  return std::make_unique<ImplicitAls>(options, std::move(data), std::move(validation),
                                       std::move(start));
}

}  // namespace featherfm
