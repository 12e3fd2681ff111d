#include "train/fm_als.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/portable_math.h"
#include "base/simd.h"
#include "train/coordinate_sweep.h"
#include "train/fm_validation.h"

namespace featherfm {
namespace {

class FmAls final : public FmTrainer {
 public:
  FmAls(const FmOptions& options, FmData data, const FactorizationMachine* start)
      : options_(options),
        data_(std::move(data)),
        counts_(count_columns(*data_.train)),
        penalties_(column_penalties(options, data_.space, counts_)),
        model_(initial_machine(options, data_, counts_, start)),
        sweep_(*data_.train),
        validation_(data_.validation, options.patience) {
    validation_.start_from(model_);
  }

  const FactorizationMachine& model() const override { return validation_.best_model(); }
  std::uint32_t best_epoch() const override { return validation_.best_epoch(); }

 private:
  // Examples, and columns, between two pauses.
  static constexpr std::size_t piece = 1 << 15;
  static constexpr std::uint32_t column_piece = 512;

  Work train() override {
    const std::size_t size = sweep_.examples();
    // Factor by factor, as they are learned; the model has them column by column.
    std::vector<std::vector<float>> factors(options_.factors, std::vector<float>(model_.columns()));
    const double parts = double(options_.factors + 1);
    for (epoch_ = 1;; ++epoch_) {
      const auto advance = [&](double part) {
        fraction_ = (epoch_ - 1 + part / parts) / options_.epochs;
      };
      // From scratch in every sweep: what rounding has added up is forgotten.
      DesignScores scores(model_, *data_.train);
      while (!scores.advance()) co_yield Pause{};
      set_targets(scores.scores());
      for (std::size_t f = 0; f < factors.size(); ++f) {
        for (std::size_t j = 0; j < model_.columns(); ++j) factors[f][j] = model_.factors.row(j)[f];
      }

      if (options_.constant) {
        double sum = 0;
        for (std::size_t k = 0; k < size; k += piece) {
          sum += sweep_.sum_of_errors(k, std::min(size, k + piece));
          co_yield Pause{};
        }
        const double weight = sweep_.sum_of_weights();
        const float chosen =
            minimum(weight, sum, model_.constant, options_.constant_regularization);
        const float change = chosen - model_.constant;
        model_.constant = chosen;
        for (std::size_t k = 0; k < size; k += piece) {
          sweep_.shift_errors(change, k, std::min(size, k + piece));
          co_yield Pause{};
        }
      }
      for (std::size_t b = 0; b < sweep_.blocks() && options_.linear; ++b) {
        sweep_.begin_linear(b);
        for (std::size_t k = 0; k < size; k += piece) {
          sweep_.gather_linear(b, k, std::min(size, k + piece));
          co_yield Pause{};
        }
        const std::uint32_t columns = sweep_.columns_of(b);
        for (std::uint32_t l = 0; l < columns; l += column_piece) {
          sweep_.update_linear(b, l, std::min(columns, l + column_piece), model_.linear.data(),
                               Minimum{counts_.examples.data(), penalties_.linear.data()});
          co_yield Pause{};
        }
        for (std::size_t k = 0; k < size; k += piece) {
          sweep_.scatter_linear(b, k, std::min(size, k + piece));
          co_yield Pause{};
        }
      }
      for (std::size_t f = 0; f < factors.size(); ++f) {
        float* const v = factors[f].data();
        advance(double(f + 1));
        sweep_.begin_factor(v);
        for (std::size_t k = 0; k < size; k += piece) {
          sweep_.sum_factor(k, std::min(size, k + piece));
          co_yield Pause{};
        }
        for (std::size_t b = 0; b < sweep_.blocks(); ++b) {
          sweep_.begin_block(b);
          for (std::size_t k = 0; k < size; k += piece) {
            sweep_.gather(b, k, std::min(size, k + piece));
            co_yield Pause{};
          }
          const std::uint32_t columns = sweep_.columns_of(b);
          for (std::uint32_t l = 0; l < columns; l += column_piece) {
            sweep_.update(b, l, std::min(columns, l + column_piece), v,
                          Minimum{counts_.examples.data(), penalties_.factors.data()});
            co_yield Pause{};
          }
          for (std::size_t k = 0; k < size; k += piece) {
            sweep_.scatter(b, k, std::min(size, k + piece));
            co_yield Pause{};
          }
        }
        for (std::size_t j = 0; j < model_.columns(); ++j) model_.factors.row(j)[f] = v[j];
      }
      if (!model_.all_finite() || !finite(sweep_.errors())) fail_diverged();
      advance(parts);

      while (!validation_.measure(model_)) co_yield Pause{};
      finished_epoch_ = validation_.finish_epoch(epoch_, model_, train_losses());
      stopped_early_ = epoch_ < options_.epochs && validation_.should_stop();
      if (epoch_ == options_.epochs || stopped_early_) co_return;
      co_yield Pause{};
    }
  }

  // The minimum over t of  s (t - old)^2 + 2 b (t - old) + lambda t^2. A column without any slope
  // and penalty stays.
  static float minimum(double s, double b, float old, float lambda) {
    const double curvature = s + double{lambda};
    return curvature > 0 ? static_cast<float>((s * double{old} - b) / curvature) : old;
  }
  // A column that no example has stays, too: continued training forgets nobody it does not hear of.
  struct Minimum {
    const std::uint32_t* examples;
    const float* penalties;
    float operator()(std::uint32_t column, double s, double b, float old) const {
      return examples[column] == 0 ? old : minimum(s, b, old, penalties[column]);
    }
  };

  // Fills in the sweep's errors; for classification also its weights, so that the weighted squared
  // error is the parabola above the cross-entropy: weight (p - 1/2) / score, target
  // (label - 1/2) / weight.
  void set_targets(const std::vector<float>& scores) {
    const Design& design = *data_.train;
    std::vector<float>& errors = sweep_.errors();
    if (options_.task == Task::regression) {
      for (std::size_t k = 0; k < scores.size(); ++k) errors[k] = scores[k] - design.targets[k];
      return;
    }
    std::vector<float> weights(scores.size());
    working_targets_.resize(scores.size());
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const float s = scores[k];
      const float weight = std::abs(s) < 1e-2f ? 0.25f : (scalar::sigmoid1(s) - 0.5f) / s;
      working_targets_[k] = (label_of(design.targets[k]) - 0.5f) / weight;
      errors[k] = s - working_targets_[k];
      weights[k] = design.weight(k) * weight;
    }
    sweep_.set_weights(std::move(weights));
  }

  Losses train_losses() const {
    const Design& design = *data_.train;
    std::vector<float> scores = sweep_.errors();
    for (std::size_t k = 0; k < scores.size(); ++k) {
      scores[k] += options_.task == Task::regression ? design.targets[k] : working_targets_[k];
    }
    Losses losses = losses_of(model_, design, scores);
    if (options_.task == Task::regression) losses.rmse = std::sqrt(losses.loss);
    losses.mae = 0;
    return losses;
  }

  [[noreturn]] void fail_diverged() const {
    fail(ErrorCode::diverged, "regularization",
         {"training diverged in epoch ", epoch_,
          ": parameters are no longer finite. Raise regularization, or scale very large features "
          "and ratings down"});
  }

  FmOptions options_;
  FmData data_;
  ColumnCounts counts_;
  ColumnPenalties penalties_;
  FactorizationMachine model_;
  CoordinateSweep sweep_;
  FmValidation validation_;
  std::vector<float> working_targets_;  // of the parabolas, for classification
};

}  // namespace

std::unique_ptr<FmTrainer> make_fm_als(const FmOptions& options, FmData data,
                                       const FactorizationMachine* start) {
  options.validate();
  return std::make_unique<FmAls>(options, std::move(data), start);
}

}  // namespace featherfm
