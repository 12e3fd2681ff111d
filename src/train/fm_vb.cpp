#include "train/fm_vb.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/normal.h"
#include "base/portable_math.h"
#include "model/posterior_prediction.h"
#include "train/coordinate_sweep.h"
#include "train/fm_priors.h"
#include "train/latent_targets.h"

namespace featherfm {
namespace {

// What the parameters are believed to be before the examples of this training, where an earlier one
// has seen others: independent normal distributions. A variance of 0: of this parameter nothing.
struct Belief {
  FactorizationMachine means;
  Variances variances;
};

// Sets each coordinate's normal distribution to the best one given the others, and adds up what the
// evidence lower bound has of the parameters and their priors.
class Ascent final : public CoordinateRule {
 public:
  Ascent(const std::vector<ColumnField>& fields, const ColumnCounts& counts, std::size_t factors,
         const std::optional<Belief>& belief)
      : priors(fields, counts.examples.size(), factors),
        examples_(counts.examples),
        belief_(belief) {}

  FieldPriors priors;
  double alpha = 1;  // mean of the precision of the noise

  // Of the last sweep, up to a constant.
  double bound() const { return bound_; }
  // `held`: whether the priors of the factors stay where hold() put them.
  void begin_sweep(bool held) {
    bound_ = 0;
    held_ = held;
  }
  // Random factors say nothing of their priors, but as small as they are, priors learned from them
  // would keep them small for good (the machine without factors is a stationary point). So the
  // priors of the factors begin at a precision under which the scores of pairs have this share of
  // the variance that the noise is believed to have before the first sweep.
  void hold(double share) {
    for (std::size_t f = 0; f < priors.factors(); ++f) {
      for (std::size_t g = 0; g < priors.fields().size(); ++g) {
        priors.at(f + 1, g) = {std::sqrt(static_cast<double>(priors.factors()) * alpha / share), 0};
      }
    }
  }

  void begin_linear(const float* values, const float* variances) override {
    begin_part(0, values, variances);
  }
  void begin_factor(std::uint32_t f, const float* values, const float* variances) override {
    begin_part(f + 1, values, variances);
  }

  Coordinate choose_constant(double s, double b, Coordinate old) override {
    // Without a belief any constant is as likely.
    double precision = 0, mean = 0;
    if (belief_ && belief_->variances.constant > 0) {
      precision = 1 / double{belief_->variances.constant};
      mean = belief_->means.constant;
    }
    if (!(precision + alpha * s > 0)) return old;
    const Coordinate chosen = best(precision, mean, s, b, old);
    add_to_bound(precision, mean, chosen);
    return chosen;
  }

  Coordinate choose(std::uint32_t column, double s, double b, Coordinate old) override {
    if (examples_[column] == 0) return old;
    if (const Coordinate prior = believed(column); prior.variance > 0) {
      const double precision = 1 / double{prior.variance};
      const Coordinate chosen = best(precision, prior.value, s, b, old);
      add_to_bound(precision, prior.value, chosen);
      return chosen;
    }
    const FieldPrior& prior = priors.at(part_, priors.field_of(column));
    const Coordinate chosen = best(prior.precision, prior.mean, s, b, old);
    add_to_bound(prior.precision, prior.mean, chosen);
    return chosen;
  }

  // What a column without examples is: its prior, of which the mean is uncertain, too.
  Coordinate unseen(std::uint32_t column, std::size_t part) const {
    const FieldPrior& prior = priors.at(part, priors.field_of(column));
    const double counted = count_of(priors.fields()[priors.field_of(column)]) + 1;
    return {static_cast<float>(prior.mean),
            static_cast<float>((1 + 1 / counted) / prior.precision)};
  }

 private:
  Coordinate best(double precision, double mean, double s, double b, Coordinate old) const {
    const double sum = precision + alpha * s;
    return {static_cast<float>((precision * mean + alpha * (s * double{old.value} - b)) / sum),
            static_cast<float>(1 / sum)};
  }

  // E[log N(theta; mean, 1 / precision)] and the entropy of theta.
  void add_to_bound(double precision, double mean, Coordinate chosen) {
    const double away = double{chosen.value} - mean;
    bound_ -= 0.5 * precision * (away * away + double{chosen.variance});
    if (chosen.variance > 0) bound_ += 0.5 * portable_log(double{chosen.variance});
  }

  Coordinate believed(std::uint32_t column) const {
    if (!belief_) return {};
    if (part_ == 0) return {belief_->means.linear[column], belief_->variances.linear[column]};
    return {belief_->means.factors.row(column)[part_ - 1],
            belief_->variances.factors.row(column)[part_ - 1]};
  }

  double count_of(const ColumnField& field) const {
    double count = 0;
    for (std::uint32_t j = field.begin; j < field.begin + field.columns; ++j) {
      count += examples_[j] > 0;
    }
    return count;
  }

  // The normal-gamma distributions of the fields' means and precisions. With n columns, and Gamma(1
  // / 2, 1 / 2) and N(0, 1 / lambda) above them:
  //   mu | lambda ~ N(m, 1 / ((n + 1) lambda)),  m = sum E[theta] / (n + 1)
  //   lambda ~ Gamma(a, b),  a = (n + 1) / 2,  b = (1 + sum E[theta^2] - (n + 1) m^2) / 2
  // FieldPrior::precision is E[lambda] = a / b. What the bound has of them besides the columns'
  // E[log p(theta | mu, lambda)] is - a log b - 1/2 E[lambda] (1 + m^2), up to a constant.
  void begin_part(std::size_t part, const float* values, const float* variances) {
    part_ = part;
    for (std::size_t g = 0; g < priors.fields().size() && !belief_; ++g) {
      const ColumnField& field = priors.fields()[g];
      double sum = 0, squares = 0;
      for (std::uint32_t j = field.begin; j < field.begin + field.columns; ++j) {
        if (examples_[j] == 0) continue;
        sum += double{values[j]};
        squares += double{values[j]} * double{values[j]} + double{variances[j]};
      }
      const double count = count_of(field) + 1, a = 0.5 * count;
      FieldPrior& prior = priors.at(part, g);
      if (!held_ || part == 0) {
        prior.mean = sum / count;
        prior.precision = a / (0.5 * (1 + squares - count * prior.mean * prior.mean));
      }
      bound_ -= a * portable_log(a / prior.precision) +
                0.5 * prior.precision * (1 + prior.mean * prior.mean);
    }
  }

  const std::vector<std::uint32_t>& examples_;
  const std::optional<Belief>& belief_;
  std::size_t part_ = 0;
  bool held_ = false;
  double bound_ = 0;
};

class FmVb final : public FmTrainer {
 public:
  FmVb(const FmVbOptions& options, FmData data, const FactorizationMachine* start)
      : options_(options),
        data_(std::move(data)),
        counts_(count_columns(*data_.train)),
        means_(initial_means(start)),
        sweep_(*data_.train),
        belief_(belief_of(start)),
        ascent_(data_.space.fields, counts_, options.factors, belief_),
        latent_(options.task, data_.train->targets, classes_of(start)),
        best_(options.patience) {
    const Design& design = *data_.train;
    if (options.task == Task::regression) {
      sweep_.set_weights(design.weights);
    } else if (!design.weights.empty()) {
      fail(ErrorCode::invalid_argument, "weights",
           {"classes cannot be learned with weights; repeat or leave out interactions instead"});
    }
    for (std::size_t k = 0; k < design.size(); ++k) counted_ += design.weight(k) > 0;
    if (start) {
      variances_ = belief_->variances;
      ascent_.priors.restore(start->posterior->variational->priors);
      noise_ = new_noise_ = start->posterior->variational->noise;
      const auto cuts = start->posterior->cutpoints.columns_of(0);
      if (latent_.ordinal()) latent_.cutpoints().restore({cuts.begin(), cuts.end()});
    } else {
      variances_.linear.resize(means_.columns());
      variances_.factors = Matrix(means_.columns(), options.factors);
      scale_features();
    }
    if (options.task == Task::regression) ascent_.alpha = noise_[0] / noise_[1];
    set_initial_variances();
    best_.start_from(assembled());
  }

  const FactorizationMachine& model() const override { return best_.model(); }
  std::uint32_t best_epoch() const override { return best_.epoch(); }

  double noise() const override { return 1 / std::sqrt(ascent_.alpha); }
  std::vector<FieldPenalty> learned_penalties() const override {
    return ascent_.priors.penalties();
  }

 private:
  // Examples between two pauses.
  static constexpr std::size_t piece = 1 << 13;
  // What training begins with, chosen by cross-validation on MovieLens-100K: sweeps before the
  // priors of the factors are learned, and what Ascent::hold() is told; the size of the factors of
  // features beside those of users and items, who explain most.
  static constexpr std::uint32_t held_sweeps = 3;
  static constexpr double held_share = 0.08;
  static constexpr float feature_scale = 0.03f;

  Work train() override {
    const bool constant = options_.constant && options_.task != Task::ordinal;
    // What is believed of the noise and the latent scores follows from the scores: before the first
    // sweep, then after each.
    Losses losses;
    for (Work part = observe(losses, 0); !part.done();) {
      part.resume();
      co_yield Pause{};
    }
    if (!belief_) ascent_.hold(held_share);
    for (epoch_ = 1;; ++epoch_) {
      ascent_.begin_sweep(epoch_ <= held_sweeps);
      for (Work sweep = sweep_.run(means_, ascent_, {constant, options_.linear}, &variances_);
           !sweep.done();) {
        sweep.resume();
        fraction_ = (epoch_ - 1 + sweep_.fraction()) / options_.epochs;
        co_yield Pause{};
      }
      if (!means_.all_finite() || !variances_.all_finite()) fail_diverged();
      for (Work part = observe(losses, sweep_.score_variance()); !part.done();) {
        part.resume();
        co_yield Pause{};
      }
      if (!std::isfinite(losses.loss) || !finite(sweep_.errors())) fail_diverged();

      FactorizationMachine model = assembled();
      std::optional<Losses> validation;
      if (data_.validation) {
        PosteriorScores predicted(model, *data_.validation);
        while (!predicted.advance()) co_yield Pause{};
        validation = validation_losses(predicted.predicted());
      }
      finished_epoch_ = best_.finish(epoch_, model, losses, validation);
      stopped_early_ = epoch_ < options_.epochs && best_.should_stop();
      if (epoch_ == options_.epochs || stopped_early_) co_return;
      co_yield Pause{};
    }
  }

  [[noreturn]] void fail_diverged() const {
    fail(ErrorCode::diverged, "data",
         {"training diverged in epoch ", epoch_,
          ": parameters are no longer finite. Scale very large features and ratings down"});
  }

  FactorizationMachine initial_means(const FactorizationMachine* start) const {
    if (start && (!start->posterior || !start->posterior->variational)) {
      fail(ErrorCode::invalid_argument, "model",
           {"only a model of variational inference can be continued by it"});
    }
    if (start && start->posterior->task != options_.task) {
      fail(ErrorCode::invalid_argument, "task", {"training goes on with the task it began with"});
    }
    FmOptions common;
    common.task = options_.task == Task::classification ? Task::classification : Task::regression;
    common.factors = options_.factors;
    common.constant = options_.constant;
    common.linear = options_.linear;
    common.initial_scale = options_.initial_scale;
    common.value_range = options_.value_range;
    common.seed = options_.seed;
    FactorizationMachine means = initial_machine(common, data_, counts_, start);
    // Latent scores, not odds; of ordered classes the mean is in the cutpoints.
    if (!start && options_.task != Task::regression) means.constant = 0;
    means.link = Link::identity;
    return means;
  }

  std::optional<Belief> belief_of(const FactorizationMachine* start) const {
    if (!start) return std::nullopt;
    const auto places = column_translation(start->space, data_.space);
    const Variances& old = start->posterior->variational->variances;
    // As a machine, so that the variances move to the new columns like the means.
    FactorizationMachine spread(start->columns(), options_.factors);
    spread.linear = old.linear;
    spread.factors = old.factors;
    spread = spread.translated(places, means_.columns());
    return Belief{start->translated(places, means_.columns()),
                  {old.constant, std::move(spread.linear), std::move(spread.factors)}};
  }

  static std::span<const float> classes_of(const FactorizationMachine* start) {
    return start ? std::span<const float>(start->posterior->classes) : std::span<const float>{};
  }

  void scale_features() {
    const auto identity = [](const ColumnField& field) {
      return field.name == user_field || field.name == item_field;
    };
    if (std::ranges::none_of(data_.space.fields, identity)) return;
    for (const ColumnField& field : data_.space.fields) {
      if (identity(field)) continue;
      for (std::uint32_t j = field.begin; j < field.begin + field.columns; ++j) {
        for (float& v : means_.factors.columns_of(j)) v *= feature_scale;
      }
    }
  }

  // Of what has none yet. Columns with examples begin as wide as their factors are spread.
  void set_initial_variances() {
    const float square = options_.initial_scale * options_.initial_scale;
    for (std::size_t j = 0; j < means_.columns(); ++j) {
      for (float& tau : variances_.factors.columns_of(j)) {
        if (counts_.examples[j] > 0 && tau == 0) tau = square;
      }
    }
  }

  // Columns that no example has are what their priors are.
  void set_unseen(FactorizationMachine& model, Variances& variances) const {
    for (std::uint32_t j = 0; j < model.columns(); ++j) {
      if (counts_.examples[j] > 0) continue;
      if (options_.linear && variances.linear[j] == 0) {
        const Coordinate prior = ascent_.unseen(j, 0);
        model.linear[j] = prior.value;
        variances.linear[j] = prior.variance;
      }
      for (std::size_t f = 0; f < options_.factors; ++f) {
        if (variances.factors.row(j)[f] != 0) continue;
        const Coordinate prior = ascent_.unseen(j, f + 1);
        model.factors.row(j)[f] = prior.value;
        variances.factors.row(j)[f] = prior.variance;
      }
    }
  }

  // From the scores of the means: the errors for the next sweep, the noise, or cutpoints and latent
  // scores; and the losses. `score_variance`: summed over the examples.
  Work observe(Losses& losses, double score_variance) {
    DesignScores scores(means_, *data_.train);
    while (!scores.advance()) co_yield Pause{};
    if (!finite(scores.scores())) fail_diverged();
    double bound = ascent_.bound();
    if (options_.task == Task::regression) {
      losses = observe_ratings(scores.scores(), score_variance, bound);
    } else {
      losses = latent_.losses(scores.scores(), means_.range);
      for (Work part = observe_classes(scores.scores(), bound); !part.done();) {
        part.resume();
        co_yield Pause{};
      }
      bound -= 0.5 * score_variance;
    }
    losses.loss = -bound / std::max(1.0, counted_);
  }

  // alpha ~ Gamma(shape + n / 2, rate + 1/2 sum w E[(y - target)^2]), both 1 / 2 to begin with;
  // what the bound has of it and the targets is - shape' log rate'.
  Losses observe_ratings(const std::vector<float>& scores, double score_variance, double& bound) {
    const Design& design = *data_.train;
    double squares = 0, weights = 0;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const float error = scores[k] - design.targets[k], weight = design.weight(k);
      sweep_.errors()[k] = error;
      squares += double{weight} * double{error} * double{error};
      weights += weight;
    }
    new_noise_ = {noise_[0] + 0.5 * counted_, noise_[1] + 0.5 * (squares + score_variance)};
    ascent_.alpha = new_noise_[0] / new_noise_[1];
    bound -= new_noise_[0] * portable_log(new_noise_[1]);
    return {0, std::sqrt(squares / (weights > 0 ? weights : 1)), 0};
  }

  // The latent scores' expectations; the bound has the probabilities of the classes.
  Work observe_classes(const std::vector<float>& scores, double& bound) {
    if (latent_.ordinal() && !belief_) {
      for (Work part = latent_.cutpoints().improve(scores); !part.done();) {
        part.resume();
        co_yield Pause{};
      }
      bound += latent_.cutpoints().log_prior();
    }
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const double score = scores[k];
      const auto [low, high] = latent_.ends(k);
      const NormalInterval p = normal_interval(low - score, high - score);
      sweep_.errors()[k] = static_cast<float>(p.high_ratio - p.low_ratio);
      bound += p.log_probability;
      if (k % piece == 0) co_yield Pause{};
    }
  }

  Losses validation_losses(const std::vector<Predicted>& predicted) const {
    const Design& design = *data_.validation;
    LossSums sums;
    for (std::size_t k = 0; k < predicted.size(); ++k) {
      sums.add(predicted[k].mean, latent_.target(design.targets[k]), design.weight(k),
               Link::identity, means_.range);
    }
    return sums.losses();
  }

  FactorizationMachine assembled() const {
    FactorizationMachine model = means_;
    Posterior posterior;
    Posterior::Variational variational{variances_, ascent_.priors.state(), new_noise_};
    set_unseen(model, variational.variances);
    posterior.task = options_.task;
    posterior.classes = latent_.classes();
    posterior.cutpoints = Matrix(1, latent_.cuts().size());
    std::ranges::transform(latent_.cuts(), posterior.cutpoints.row(0),
                           [](double cut) { return static_cast<float>(cut); });
    posterior.noise = {static_cast<float>(noise())};
    posterior.penalties = {static_cast<float>(ascent_.priors.user_penalty(ascent_.alpha))};
    posterior.variational = std::move(variational);
    FactorizationMachine result = mean_machine({&model, 1}, std::move(posterior));
    result.range = model.range;
    result.space = data_.space;
    result.link = Link::identity;
    result.fold_in = model.fold_in;
    return result;
  }

  FmVbOptions options_;
  FmData data_;
  ColumnCounts counts_;
  FactorizationMachine means_;
  Variances variances_;
  CoordinateSweep sweep_;
  std::optional<Belief> belief_;
  Ascent ascent_;
  LatentTargets latent_;
  BestEpoch<FactorizationMachine> best_;
  double counted_ = 0;  // examples with a weight
  // Shape and rate of alpha, before the examples and with them.
  std::array<double, 2> noise_{0.5, 0.5}, new_noise_{0.5, 0.5};
};

}  // namespace

void FmVbOptions::validate() const {
  require_range<std::uint32_t>(factors, 0, 256, "factors");
  require_range<std::uint32_t>(epochs, 1, 100'000, "epochs");
  require_range(initial_scale, 0.0f, 10.0f, "initialScale");
  validate_value_range(value_range);
}

std::unique_ptr<FmTrainer> make_fm_vb(const FmVbOptions& options, FmData data,
                                      const FactorizationMachine* start) {
  options.validate();
  return std::make_unique<FmVb>(options, std::move(data), start);
}

}  // namespace featherfm
