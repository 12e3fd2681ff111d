#include "train/fm_gibbs.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.h"
#include "base/normal.h"
#include "model/posterior_prediction.h"
#include "train/coordinate_sweep.h"
#include "train/cutpoints.h"
#include "train/validation.h"

namespace featherfm {
namespace {

constexpr std::size_t most_classes = 100;

// Draws each coordinate from its normal distribution given the others.
class Draw final : public CoordinateRule {
 public:
  Draw(const std::vector<ColumnField>& fields, std::size_t columns, std::size_t factors,
       Random& random)
      : random_(random),
        fields_(fields),
        field_of_(columns),
        priors_((factors + 1) * fields.size(), Prior{}) {
    for (std::size_t g = 0; g < fields.size(); ++g) {
      std::ranges::fill(std::span(field_of_).subspan(fields[g].begin, fields[g].columns),
                        static_cast<std::uint32_t>(g));
    }
  }

  double alpha = 1;  // precision of the noise

  void begin_linear(const float* values) override { draw_priors(0, values); }
  void begin_factor(std::uint32_t f, const float* values) override { draw_priors(f + 1, values); }

  float choose_constant(double s, double b, float old) override {
    const double precision = alpha * s;
    if (!(precision > 0)) return old;
    return static_cast<float>(double{old} - b / s + random_.normal() / std::sqrt(precision));
  }
  float choose(std::uint32_t column, double s, double b, float old) override {
    const Prior& prior = part_[field_of_[column]];
    const double precision = prior.precision + alpha * s;
    const double mean = (prior.precision * prior.mean + alpha * (s * double{old} - b)) / precision;
    return static_cast<float>(mean + random_.normal() / std::sqrt(precision));
  }

  // For another chain.
  void start_anew() {
    std::ranges::fill(priors_, Prior{});
    alpha = 1;
  }

  // Precision of a field's linear weights (part 0) or of its factor f (part f + 1).
  double precision(std::size_t part, std::size_t field) const {
    return priors_[part * fields_.size() + field].precision;
  }

  // For the chain to go on.
  std::vector<double> state() const {
    std::vector<double> result;
    for (const Prior& prior : priors_) result.insert(result.end(), {prior.precision, prior.mean});
    return result;
  }
  void restore(const std::vector<double>& state) {
    for (std::size_t k = 0; k < priors_.size() && 2 * k + 1 < state.size(); ++k) {
      priors_[k] = {state[2 * k], state[2 * k + 1]};
    }
  }

 private:
  struct Prior {
    double precision = 1, mean = 0;
  };

  void draw_priors(std::size_t part, const float* values) {
    part_ = &priors_[part * fields_.size()];
    for (std::size_t g = 0; g < fields_.size(); ++g) {
      Prior& prior = part_[g];
      const double count = fields_[g].columns;
      double sum = 0, squares = 0;
      for (const float value :
           std::span(values, field_of_.size()).subspan(fields_[g].begin, fields_[g].columns)) {
        sum += double{value};
        squares += (double{value} - prior.mean) * (double{value} - prior.mean);
      }
      prior.precision =
          random_.gamma(0.5 * (count + 2), 0.5 * (1 + prior.mean * prior.mean + squares));
      prior.mean = sum / (count + 1) + random_.normal() / std::sqrt((count + 1) * prior.precision);
    }
  }

  Random& random_;
  const std::vector<ColumnField>& fields_;
  std::vector<std::uint32_t> field_of_;
  std::vector<Prior> priors_;
  Prior* part_ = nullptr;
};

// What a sample says of a score, for the running average.
struct SampleLink {
  Task task;
  ValueRange range;
  std::span<const float> classes;
  std::span<const double> cutpoints;

  // The values that the sample predicts, in place of the scores; padded like the kernels want them.
  AlignedFloats values(const std::vector<float>& scores) const {
    AlignedFloats values(padded(scores.size()));
    std::ranges::copy(scores, values.begin());
    if (task == Task::classification) normal_cdf(values.data(), values.size());
    if (task == Task::ordinal) class_means(classes, cutpoints, values.data(), values.size());
    if (task == Task::regression) {
      for (float& value : values) value = std::clamp(value, range.low, range.high);
    }
    return values;
  }
};

class FmGibbs final : public FmTrainer {
 public:
  FmGibbs(const FmGibbsOptions& options, FmData data, const FactorizationMachine* start)
      : options_(options),
        data_(std::move(data)),
        random_(options.seed ^ 0x61bb561bb561bb56u),  // another stream than the initial factors
        sample_(initial_sample(start)),
        sweep_(*data_.train),
        draw_(data_.space.fields, sample_.columns(), options.factors, random_) {
    const Design& design = *data_.train;
    if (options.task == Task::regression) {
      sweep_.set_weights(design.weights);
    } else if (!design.weights.empty()) {
      fail(ErrorCode::invalid_argument, "weights",
           {"classes cannot be sampled with weights; repeat or leave out interactions instead"});
    }
    if (options.task == Task::ordinal) find_classes();
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
  std::vector<FieldPenalty> learned_penalties() const override {
    std::vector<FieldPenalty> result;
    for (std::size_t g = 0; g < data_.space.fields.size(); ++g) {
      double factors = 0;
      for (std::size_t f = 0; f < options_.factors; ++f) factors += draw_.precision(f + 1, g);
      if (options_.factors > 0) factors /= options_.factors;
      result.push_back({data_.space.fields[g].name, static_cast<float>(draw_.precision(0, g)),
                        static_cast<float>(factors)});
    }
    return result;
  }

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
        losses = train_losses(scores.scores());
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
    if (cutpoints_) cutpoints_.emplace(class_of_);
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
    if (!start->posterior) {
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
    if (posterior.task != options_.task || posterior.classes.size() != classes_.size() ||
        !std::equal(classes_.begin(), classes_.end(), posterior.classes.begin())) {
      fail(ErrorCode::invalid_argument, "data",
           {"a chain goes on with the task and the classes it began with"});
    }
    random_.restore(posterior.chain.random);
    draw_.restore(posterior.chain.priors);
    if (cutpoints_) cutpoints_->restore(posterior.chain.cutpoints);
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

  // The classes are the distinct targets.
  void find_classes() {
    const std::vector<float>& targets = data_.train->targets;
    for (const float target : targets) {
      const auto place = std::ranges::lower_bound(classes_, target);
      if (place != classes_.end() && *place == target) continue;
      if (classes_.size() == most_classes) {
        fail(ErrorCode::out_of_range, "ratings",
             {"the task \"ordinal\" takes at most ", most_classes,
              " different ratings; use \"regression\""});
      }
      classes_.insert(place, target);
    }
    class_of_.reserve(targets.size());
    for (const float target : targets) {
      const auto place = std::ranges::lower_bound(classes_, target);
      class_of_.push_back(static_cast<std::uint32_t>(place - classes_.begin()));
    }
    cutpoints_.emplace(class_of_);
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
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (cutpoints_) {
      for (Work part = cutpoints_->draw(random_, scores); !part.done();) {
        part.resume();
        co_yield Pause{};
      }
    }
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const double score = scores[k];
      double low, high;
      if (cutpoints_) {
        low = low_end(cutpoints_->values(), class_of_[k]);
        high = high_end(cutpoints_->values(), class_of_[k]);
      } else {
        const bool one = label_of(data_.train->targets[k]) == 1;
        low = one ? 0 : -infinity;
        high = one ? infinity : 0;
      }
      const double noise = truncated_normal(random_, low - score, high - score);
      sweep_.errors()[k] = static_cast<float>(-noise);
      if (k % piece == 0) co_yield Pause{};
    }
  }

  // Of the sample that the sweep began with.
  Losses train_losses(const std::vector<float>& scores) const {
    LossSums sums;
    const AlignedFloats values = sample_link().values(scores);
    for (std::size_t k = 0; k < scores.size(); ++k) {
      sums.add(values[k], target_of(data_.train->targets[k]), 1, Link::identity, sample_.range);
    }
    Losses losses = sums.losses();
    losses.mae = 0;
    return losses;
  }

  float target_of(float target) const {
    return options_.task == Task::classification ? label_of(target) : target;
  }

  SampleLink sample_link() const {
    return {options_.task, sample_.range, classes_,
            cutpoints_ ? std::span<const double>(cutpoints_->values()) : std::span<const double>{}};
  }

  // The average over all samples so far; before the first, of the sweep alone.
  Losses add_to_average(const std::vector<float>& scores, bool counts) {
    const Design& design = *data_.validation;
    const AlignedFloats values = sample_link().values(scores);
    if (counts) ++averaged_;
    LossSums losses;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      double value = values[k];
      if (counts) sums_[k] += value;
      if (averaged_ > 0) value = sums_[k] / averaged_;
      losses.add(value, target_of(design.targets[k]), design.weight(k), Link::identity,
                 sample_.range);
    }
    return losses.losses();
  }

  // Takes the state between two sweeps, from which model() is made also in the midst of the next.
  void end_sweep() {
    last_.machine = sample_;
    last_.machine.space = {};
    last_.noise = static_cast<float>(noise());
    double precision = 0;
    const ColumnField* user = data_.space.find(user_field);
    if (user && options_.factors > 0) {
      const auto g = static_cast<std::size_t>(user - data_.space.fields.data());
      for (std::size_t f = 0; f < options_.factors; ++f) precision += draw_.precision(f + 1, g);
      precision /= options_.factors * draw_.alpha;
    }
    last_.penalty = static_cast<float>(precision);
    chain_.priors = draw_.state();
    chain_.random = random_.state();
    if (cutpoints_) {
      chain_.cutpoints = cutpoints_->values();
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
    posterior.classes = classes_;
    posterior.cutpoints =
        Matrix((all.size() + step - 1) / step, classes_.empty() ? 0 : classes_.size() - 1);
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
  std::vector<float> classes_;
  std::vector<std::uint32_t> class_of_;  // of each example
  std::optional<Cutpoints> cutpoints_;   // of ordered classes

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
