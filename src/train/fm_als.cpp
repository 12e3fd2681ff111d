#include "train/fm_als.h"

#include <algorithm>
#include <cmath>
#include <optional>
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
    if (!model_.evidence.empty()) anchor_.emplace(model_, options.task);
    add_evidence(model_, counts_, *data_.train);
    validation_.start_from(model_);
  }

  const FactorizationMachine& model() const override { return validation_.best_model(); }
  std::uint32_t best_epoch() const override { return validation_.best_epoch(); }

 private:
  // Where continued training comes from, and how firmly each parameter is held there.
  struct Anchor {
    Anchor(const FactorizationMachine& model, Task task)
        : parameters(model), factor_curvature(model.factors.columns()) {
      // Of the cross-entropy, a quarter at most.
      curvature = task == Task::classification ? 0.2 : 1;
      // Mean square of the slope of a factor: about half of what its columns sum up to, since a
      // column does not meet its own side.
      for (std::size_t f = 0; f < factor_curvature.size() && !model.evidence.empty(); ++f) {
        double sum = 0;
        for (std::size_t j = 0; j < model.columns(); ++j) {
          const double v = model.factors.row(j)[f];
          sum += double{model.evidence[j]} * v * v;
        }
        factor_curvature[f] = 2 * curvature * sum / std::max(1.0, double{model.examples});
      }
    }
    double evidence(std::uint32_t column) const {
      return parameters.evidence.empty() ? 0 : parameters.evidence[column];
    }

    FactorizationMachine parameters;
    double curvature = 1;
    std::vector<double> factor_curvature;
  };

  // The minimum over t of  s (t - old)^2 + 2 b (t - old) + lambda (t - center)^2, the center 0
  // unless there is an anchor. A column without any slope and penalty stays; one that no example
  // has stays, too: continued training forgets nobody it does not hear of.
  class Minimum final : public CoordinateRule {
   public:
    Minimum(const ColumnCounts& counts, const ColumnPenalties& penalties, float constant_penalty,
            const std::optional<Anchor>& anchor)
        : examples_(counts.examples),
          penalties_(penalties),
          constant_(constant_penalty),
          anchor_(anchor) {}

    void begin_linear(const float*, const float*) override {
      part_ = penalties_.linear.data();
      factor_.reset();
    }
    void begin_factor(std::uint32_t factor, const float*, const float*) override {
      part_ = penalties_.factors.data();
      factor_ = factor;
    }
    Coordinate choose_constant(double s, double b, Coordinate old) override {
      if (!anchor_) return minimum(s, b, old, constant_, 0);
      return minimum(s, b, old, constant_ + anchor_->curvature * anchor_->parameters.examples,
                     anchor_->parameters.constant);
    }
    Coordinate choose(std::uint32_t column, double s, double b, Coordinate old) override {
      if (examples_[column] == 0) return old;
      const double evidence = anchor_ ? anchor_->evidence(column) : 0;
      if (evidence == 0) return minimum(s, b, old, part_[column], 0);
      const FactorizationMachine& start = anchor_->parameters;
      return factor_ ? minimum(s, b, old,
                               part_[column] + evidence * anchor_->factor_curvature[*factor_],
                               start.factors.row(column)[*factor_])
                     : minimum(s, b, old, part_[column] + evidence * anchor_->curvature,
                               start.linear[column]);
    }

   private:
    static Coordinate minimum(double s, double b, Coordinate old, double lambda, float center) {
      const double curvature = s + lambda;
      if (!(curvature > 0)) return old;
      return {static_cast<float>((s * double{old.value} - b + lambda * double{center}) / curvature),
              0};
    }

    const std::vector<std::uint32_t>& examples_;
    const ColumnPenalties& penalties_;
    float constant_;
    const std::optional<Anchor>& anchor_;
    const float* part_ = nullptr;
    std::optional<std::uint32_t> factor_;  // none: the linear part
  };

  Work train() override {
    Minimum rule(counts_, penalties_, options_.constant_regularization, anchor_);
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
  std::optional<Anchor> anchor_;
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
