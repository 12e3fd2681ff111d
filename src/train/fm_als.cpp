#include "train/fm_als.h"

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
  // The minimum over t of  s (t - old)^2 + 2 b (t - old) + lambda t^2. A column without any slope
  // and penalty stays; one that no example has stays, too: continued training forgets nobody it
  // does not hear of.
  class Minimum final : public CoordinateRule {
   public:
    Minimum(const ColumnCounts& counts, const ColumnPenalties& penalties, float constant_penalty)
        : examples_(counts.examples), penalties_(penalties), constant_(constant_penalty) {}

    void begin_linear(const float*) override { part_ = penalties_.linear.data(); }
    void begin_factor(std::uint32_t, const float*) override { part_ = penalties_.factors.data(); }
    float choose_constant(double s, double b, float old) override {
      return minimum(s, b, old, constant_);
    }
    float choose(std::uint32_t column, double s, double b, float old) override {
      return examples_[column] == 0 ? old : minimum(s, b, old, part_[column]);
    }

   private:
    static float minimum(double s, double b, float old, float lambda) {
      const double curvature = s + double{lambda};
      return curvature > 0 ? static_cast<float>((s * double{old} - b) / curvature) : old;
    }

    const std::vector<std::uint32_t>& examples_;
    const ColumnPenalties& penalties_;
    float constant_;
    const float* part_ = nullptr;
  };

  Work train() override {
    Minimum rule(counts_, penalties_, options_.constant_regularization);
    for (epoch_ = 1;; ++epoch_) {
      // From scratch in every sweep: what rounding has added up is forgotten.
      DesignScores scores(model_, *data_.train);
      while (!scores.advance()) co_yield Pause{};
      set_targets(scores.scores());
      for (Work sweep = sweep_.run(model_, rule, {options_.constant, options_.linear});
           !sweep.done();) {
        sweep.resume();
        fraction_ = (epoch_ - 1 + sweep_.fraction()) / options_.epochs;
        co_yield Pause{};
      }
      if (!model_.all_finite() || !finite(sweep_.errors())) fail_diverged();

      while (!validation_.measure(model_)) co_yield Pause{};
      finished_epoch_ = validation_.finish_epoch(epoch_, model_, train_losses());
      stopped_early_ = epoch_ < options_.epochs && validation_.should_stop();
      if (epoch_ == options_.epochs || stopped_early_) co_return;
      co_yield Pause{};
    }
  }

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
