#include "train/fm_gibbs.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.h"
#include "base/normal.h"
#include "model/posterior_prediction.h"
#include "train/coordinate_sweep.h"
#include "train/fm_priors.h"
#include "train/latent_targets.h"

namespace featherfm {
namespace {

// Draws each coordinate from its normal distribution given the others.
class Draw final : public CoordinateRule {
 public:
  Draw(const std::vector<ColumnField>& fields, std::size_t columns, std::size_t factors,
       Random& random)
      : priors(fields, columns, factors), random_(random), columns_(columns) {}

  FieldPriors priors;
  double alpha = 1;  // precision of the noise

  void begin_linear(const float* values, const float*) override { draw_priors(0, values); }
  void begin_factor(std::uint32_t f, const float* values, const float*) override {
    draw_priors(f + 1, values);
  }

  Coordinate choose_constant(double s, double b, Coordinate old) override {
    const double precision = alpha * s;
    if (!(precision > 0)) return old;
    return {static_cast<float>(double{old.value} - b / s + random_.normal() / std::sqrt(precision)),
            0};
  }
  Coordinate choose(std::uint32_t column, double s, double b, Coordinate old) override {
    const FieldPrior& prior = priors.at(part_, priors.field_of(column));
    const double precision = prior.precision + alpha * s;
    const double mean =
        (prior.precision * prior.mean + alpha * (s * double{old.value} - b)) / precision;
    return {static_cast<float>(mean + random_.normal() / std::sqrt(precision)), 0};
  }

  // For another chain.
  void start_anew() {
    priors.start_anew();
    alpha = 1;
  }

 private:
  void draw_priors(std::size_t part, const float* values) {
    part_ = part;
    for (std::size_t g = 0; g < priors.fields().size(); ++g) {
      FieldPrior& prior = priors.at(part, g);
      const ColumnField& field = priors.fields()[g];
      const double count = field.columns;
      double sum = 0, squares = 0;
      for (const float value : std::span(values, columns_).subspan(field.begin, field.columns)) {
        sum += double{value};
        squares += (double{value} - prior.mean) * (double{value} - prior.mean);
      }
      prior.precision =
          random_.gamma(0.5 * (count + 2), 0.5 * (1 + prior.mean * prior.mean + squares));
      prior.mean = sum / (count + 1) + random_.normal() / std::sqrt((count + 1) * prior.precision);
    }
  }

  Random& random_;
  std::size_t columns_, part_ = 0;
};

class FmGibbs final : public FmTrainer {
 public:
  FmGibbs(const FmGibbsOptions& options, FmData data, const FactorizationMachine* start)
      : options_(options),
        data_(std::move(data)),
        random_(options.seed ^ 0x61bb561bb561bb56u),  // another stream than the initial factors
        sample_(initial_sample(start)),
        sweep_(*data_.train),
        draw_(data_.space.fields, sample_.columns(), options.factors, random_),
        latent_(options.task, data_.train->targets) {
    const Design& design = *data_.train;
    if (options.task == Task::regression) {
      sweep_.set_weights(design.weights);
    } else if (!design.weights.empty()) {
      fail(ErrorCode::invalid_argument, "weights",
           {"classes cannot be sampled with weights; repeat or leave out interactions instead"});
    }
    if (start && start->posterior) go_on_from(*start);
    if (data_.validation) sums_.resize(data_.validation->size());
    end_sweep();
  }

  const FactorizationMachine& model() const override {
    if (!model_) model_ = assembled();
    return *model_;
  }
  std::uint32_t best_epoch() const override { return finished_; }

  double noise() const override {
    return options_.task == Task::regression ? 1 / std::sqrt(draw_.alpha) : 1;
  }
  std::vector<FieldPenalty> learned_penalties() const override { return draw_.priors.penalties(); }

 private:
  // Examples between two pauses.
  static constexpr std::size_t piece = 1 << 13;

  Work train() override {
    const Design& design = *data_.train;
    const std::uint32_t total = options_.chains * options_.burn_in + options_.samples;
    // Every `spacing`-th sample is kept, the last one among them.
    const std::uint32_t keep = std::min(options_.keep, options_.samples);
    const std::uint32_t spacing = (options_.samples + keep - 1) / keep;
    std::uint32_t chain = 0, counted = 0;  // samples of all chains so far
    std::uint32_t burn_in = options_.burn_in, samples = samples_of(chain);  // to come, of this one
    for (epoch_ = 1;; ++epoch_) {
      DesignScores scores(sample_, design);
      while (!scores.advance()) co_yield Pause{};
      if (!finite(scores.scores())) fail_diverged();
      Losses losses;
      if (options_.task == Task::regression) {
        losses = draw_noise(scores.scores());
      } else {
        for (Work part = draw_latent(scores.scores()); !part.done();) {
          part.resume();
          co_yield Pause{};
        }
        losses = latent_.losses(scores.scores(), sample_.range);
      }
      const bool constant = options_.constant && options_.task != Task::ordinal;
      for (Work sweep = sweep_.run(sample_, draw_, {constant, options_.linear}); !sweep.done();) {
        sweep.resume();
        fraction_ = (epoch_ - 1 + sweep_.fraction()) / total;
        co_yield Pause{};
      }
      if (!sample_.all_finite() || !finite(sweep_.errors())) fail_diverged();

      const bool counts = burn_in == 0;
      counts ? (--samples, ++counted) : --burn_in;
      std::optional<Losses> validation;
      if (data_.validation) {
        DesignScores held_out(sample_, *data_.validation);
        while (!held_out.advance()) co_yield Pause{};
        validation = add_to_average(held_out.scores(), counts);
      }
      ++chain_.sweeps;
      end_sweep();
      if (counts && (options_.samples - counted) % spacing == 0) kept_.push_back(last_);
      finished_ = epoch_;
      finished_epoch_ = EpochLosses{losses, validation, true};
      if (epoch_ == total) co_return;
      if (samples == 0) {
        burn_in = options_.burn_in;
        samples = samples_of(++chain);
        start_chain(chain);
      }
      co_yield Pause{};
    }
  }

  std::uint32_t samples_of(std::uint32_t chain) const {
    return options_.samples / options_.chains + (chain < options_.samples % options_.chains);
  }

  // Only the random numbers go on. Until the next sweep is done model() is as before.
  void start_chain(std::uint32_t number) {
    sample_ = initial_sample(nullptr, number);
    draw_.start_anew();
    latent_.start_anew();
    chain_.sweeps = 0;
  }

  [[noreturn]] void fail_diverged() const {
    fail(ErrorCode::diverged, "data",
         {"sampling diverged in sweep ", epoch_,
          ": parameters are no longer finite. Scale very large features and ratings down"});
  }

  FactorizationMachine initial_sample(const FactorizationMachine* start,
                                      std::uint32_t number = 0) const {
    FmOptions common;
    common.task = options_.task == Task::classification ? Task::classification : Task::regression;
    common.factors = options_.factors;
    common.constant = options_.constant;
    common.linear = options_.linear;
    common.initial_scale = options_.initial_scale;
    common.value_range = options_.value_range;
    common.seed = options_.seed + number * 0x9e3779b97f4a7c15u;
    const ColumnCounts counts = count_columns(*data_.train);
    if (!start) {
      FactorizationMachine sample = initial_machine(common, data_, counts, nullptr);
      // The mean goes into the cutpoints; the latent scores of labels begin at 0.
      if (options_.task != Task::regression) sample.constant = 0;
      return sample;
    }
    if (!start->posterior || start->posterior->variational) {
      fail(ErrorCode::invalid_argument, "model",
           {"only a model that was sampled can be continued by sampling"});
    }
    // The chain's last sample, as if it were the model.
    const Posterior::Chain& chain = start->posterior->chain;
    FactorizationMachine last(chain.linear.size(), start->posterior->factors);
    last.constant = chain.constant;
    last.linear = chain.linear;
    last.factors = chain.factors;
    last.range = start->range;
    last.space = start->space;
    return initial_machine(common, data_, counts, &last);
  }

  void go_on_from(const FactorizationMachine& start) {
    const Posterior& posterior = *start.posterior;
    if (posterior.task != options_.task || posterior.classes != latent_.classes()) {
      fail(ErrorCode::invalid_argument, "data",
           {"a chain goes on with the task and the classes it began with"});
    }
    random_.restore(posterior.chain.random);
    draw_.priors.restore(posterior.chain.priors);
    if (latent_.ordinal()) latent_.cutpoints().restore(posterior.chain.cutpoints);
    chain_.sweeps = posterior.chain.sweeps;
    const auto places = column_translation(start.space, data_.space);
    for (std::size_t s = 0; s < posterior.samples(); ++s) {
      const auto cutpoints = posterior.cutpoints.columns_of(s);
      kept_.push_back({sample_of(start, s).translated(places, sample_.columns()),
                       posterior.noise[s],
                       posterior.penalties[s],
                       {cutpoints.begin(), cutpoints.end()}});
    }
  }

  // Regression: the errors, and a new precision of the noise.
  Losses draw_noise(const std::vector<float>& scores) {
    const Design& design = *data_.train;
    double squares = 0, weights = 0;
    std::uint32_t count = 0;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const float error = scores[k] - design.targets[k], weight = design.weight(k);
      sweep_.errors()[k] = error;
      squares += double{weight} * double{error} * double{error};
      weights += weight;
      if (weight > 0) ++count;
    }
    draw_.alpha = random_.gamma(0.5 * (1 + double(count)), 0.5 * (1 + squares));
    const double mean = squares / (weights > 0 ? weights : 1);
    return {mean, std::sqrt(mean), 0};
  }

  // Classes: new cutpoints, and latent scores between those of each example's class.
  Work draw_latent(const std::vector<float>& scores) {
    if (latent_.ordinal()) {
      for (Work part = latent_.cutpoints().draw(random_, scores); !part.done();) {
        part.resume();
        co_yield Pause{};
      }
    }
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const double score = scores[k];
      const auto [low, high] = latent_.ends(k);
      const double noise = truncated_normal(random_, low - score, high - score);
      sweep_.errors()[k] = static_cast<float>(-noise);
      if (k % piece == 0) co_yield Pause{};
    }
  }

  // The average over all samples so far; before the first, of the sweep alone.
  Losses add_to_average(const std::vector<float>& scores, bool counts) {
    const Design& design = *data_.validation;
    const AlignedFloats values = latent_.values(scores, sample_.range);
    if (counts) ++averaged_;
    LossSums losses;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      double value = values[k];
      if (counts) sums_[k] += value;
      if (averaged_ > 0) value = sums_[k] / averaged_;
      losses.add(value, latent_.target(design.targets[k]), design.weight(k), Link::identity,
                 sample_.range);
    }
    return losses.losses();
  }

  // Takes the state between two sweeps, from which model() is made also in the midst of the next.
  void end_sweep() {
    last_.machine = sample_;
    last_.machine.space = {};
    last_.noise = static_cast<float>(noise());
    last_.penalty = static_cast<float>(draw_.priors.user_penalty(draw_.alpha));
    chain_.priors = draw_.priors.state();
    chain_.random = random_.state();
    if (latent_.ordinal()) {
      chain_.cutpoints = latent_.cutpoints().values();
      last_.cutpoints.assign(chain_.cutpoints.begin(), chain_.cutpoints.end());
    }
    model_.reset();
  }

  // The model of the samples kept, or of the last one where none is kept yet.
  FactorizationMachine assembled() const {
    const std::span<const Sample> all = kept_.empty() ? std::span(&last_, 1) : std::span(kept_);
    // Samples of an earlier training and this one's, thinned to `keep`, the last among them.
    const std::size_t step = (all.size() + options_.keep - 1) / options_.keep;
    std::vector<FactorizationMachine> samples;
    Posterior posterior;
    posterior.task = options_.task;
    posterior.classes = latent_.classes();
    posterior.cutpoints = Matrix((all.size() + step - 1) / step, latent_.cuts().size());
    for (std::size_t s = (all.size() - 1) % step; s < all.size(); s += step) {
      std::ranges::copy(all[s].cutpoints, posterior.cutpoints.row(samples.size()));
      samples.push_back(all[s].machine);
      posterior.noise.push_back(all[s].noise);
      posterior.penalties.push_back(all[s].penalty);
    }
    posterior.chain = chain_;
    posterior.chain.constant = last_.machine.constant;
    posterior.chain.linear = last_.machine.linear;
    posterior.chain.factors = last_.machine.factors;
    FactorizationMachine model = mean_machine(samples, std::move(posterior));
    model.range = sample_.range;
    model.space = data_.space;
    model.link = Link::identity;
    model.fold_in = sample_.fold_in;
    return model;
  }

  FmGibbsOptions options_;
  FmData data_;
  Random random_;
  FactorizationMachine sample_;
  CoordinateSweep sweep_;
  Draw draw_;
  LatentTargets latent_;

  struct Sample {
    FactorizationMachine machine;
    float noise = 1, penalty = 0;
    std::vector<float> cutpoints;
  };
  std::vector<Sample> kept_;
  Sample last_;               // of the last whole sweep
  Posterior::Chain chain_;    // beside last_, which has the parameters
  std::vector<double> sums_;  // of the validation's values
  std::uint32_t averaged_ = 0, finished_ = 0;
  mutable std::optional<FactorizationMachine> model_;  // made when asked for
};

}  // namespace

void FmGibbsOptions::validate() const {
  require_range<std::uint32_t>(factors, 0, 256, "factors");
  require_range<std::uint32_t>(burn_in, 0, 100'000, "burnIn");
  require_range<std::uint32_t>(samples, 1, 100'000, "samples");
  require_range<std::uint32_t>(chains, 1, std::min(100u, samples), "chains");
  require_range<std::uint32_t>(keep, 1, 1000, "keep");
  require_range(initial_scale, 0.0f, 10.0f, "initialScale");
  validate_value_range(value_range);
}

std::unique_ptr<FmTrainer> make_fm_gibbs(const FmGibbsOptions& options, FmData data,
                                         const FactorizationMachine* start) {
  options.validate();
  if (start && options.chains > 1) {
    fail(ErrorCode::invalid_argument, "chains", {"a model that was sampled goes on as one chain"});
  }
  return std::make_unique<FmGibbs>(options, std::move(data), start);
}

}  // namespace featherfm
