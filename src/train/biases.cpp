#include "train/biases.h"

#include <cmath>

#include "base/error.h"
#include "train/mf_validation.h"

namespace featherfm {
namespace {

class Biases final : public ModelTrainer<MatrixFactorization> {
 public:
  Biases(const BiasesOptions& options, std::shared_ptr<const Interactions> data,
         std::shared_ptr<const Interactions> validation)
      : options_(options),
        data_(std::move(data)),
        model_(data_->users(), data_->items(), 0),
        validation_(std::move(validation), options.patience) {
    if (data_->size() == 0) {
      fail(ErrorCode::empty, "data", {"there is no interaction to train on"});
    }
    const auto [low, high] = data_->value_range();
    model_.range = options.value_range.value_or(ValueRange{low, high});
    model_.global_bias = static_cast<float>(data_->weighted_mean());
    model_.fold_in.bias_regularization = options.user_regularization;
    model_.fold_in.frequency_scaling = 0;
    validation_.start_from(model_);
  }

  const MatrixFactorization& model() const override { return validation_.best_model(); }
  std::uint32_t best_epoch() const override { return validation_.best_epoch(); }

 private:
  static constexpr std::uint32_t piece = 4096;  // users between two pauses

  Work train() override {
    std::vector<double> sums(data_->items()), weights(data_->items());
    for (epoch_ = 1;; ++epoch_) {
      sums.assign(data_->items(), 0);
      weights.assign(data_->items(), options_.item_regularization);
      for (std::uint32_t user = 0; user < data_->users(); ++user) {
        for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
          const double weight = data_->weight_at(p);
          sums[data_->item_at(p)] += weight * (centred(p) - double{model_.user_biases[user]});
          weights[data_->item_at(p)] += weight;
        }
        if (user % piece == 0) co_yield Pause{};
      }
      for (std::uint32_t item = 0; item < data_->items(); ++item) {
        model_.item_biases[item] = ratio(sums[item], weights[item]);
      }
      double squared = 0, weight = 0;
      for (std::uint32_t user = 0; user < data_->users(); ++user) {
        solve_user(user, squared, weight);
        fraction_ = (epoch_ - 1 + (user + 1.0) / data_->users()) / options_.epochs;
        if (user % piece == 0) co_yield Pause{};
      }
      if (!model_.all_finite()) {
        fail(ErrorCode::diverged, "ratings", {"ratings or weights are too large to be summed up"});
      }
      const double mean = squared / (weight > 0 ? weight : 1);
      while (!validation_.measure(model_)) co_yield Pause{};
      finished_epoch_ = validation_.finish_epoch(epoch_, model_, {mean, std::sqrt(mean), 0});
      stopped_early_ = epoch_ < options_.epochs && validation_.should_stop();
      if (epoch_ == options_.epochs || stopped_early_) co_return;
      co_yield Pause{};
    }
  }

  double centred(std::uint32_t position) const {
    return double{data_->value_at(position)} - double{model_.global_bias};
  }

  // Nothing is known of rows without weight.
  static float ratio(double sum, double weight) {
    return weight > 0 ? static_cast<float>(sum / weight) : 0.0f;
  }

  // The user's bias, and the squared errors that it leaves.
  void solve_user(std::uint32_t user, double& squared, double& total) {
    double sum = 0, weights = options_.user_regularization;
    for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
      const double weight = data_->weight_at(p);
      sum += weight * (centred(p) - double{model_.item_biases[data_->item_at(p)]});
      weights += weight;
    }
    model_.user_biases[user] = ratio(sum, weights);
    for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
      const double error = centred(p) - double{model_.item_biases[data_->item_at(p)]} -
                           double{model_.user_biases[user]};
      squared += data_->weight_at(p) * error * error;
      total += data_->weight_at(p);
    }
  }

  BiasesOptions options_;
  std::shared_ptr<const Interactions> data_;
  MatrixFactorization model_;
  MfValidation validation_;
};

}  // namespace

void BiasesOptions::validate() const {
  require_range<std::uint32_t>(epochs, 1, 100'000, "epochs");
  require_range(user_regularization, 0.0f, 1e6f, "regularization.user");
  require_range(item_regularization, 0.0f, 1e6f, "regularization.item");
  validate_value_range(value_range);
}

std::unique_ptr<ModelTrainer<MatrixFactorization>> make_biases(
    const BiasesOptions& options, std::shared_ptr<const Interactions> data,
    std::shared_ptr<const Interactions> validation) {
  options.validate();
  return std::make_unique<Biases>(options, std::move(data), std::move(validation));
}

}  // namespace featherfm
