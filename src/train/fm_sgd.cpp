#include "train/fm_sgd.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/simd.h"
#include "train/fm_step_rules.h"
#include "train/fm_validation.h"

namespace featherfm {
namespace {

// Rows between two pauses, and the unit of shuffling.
constexpr std::size_t block_size = 256;

// The examples of a design in an order of their own, read one after the other.
class Rows {
 public:
  explicit Rows(const Design& design) : design_(design), order_(design.size()) {
    std::iota(order_.begin(), order_.end(), 0u);
    // What has no weight teaches nothing.
    std::erase_if(order_, [&](std::uint32_t k) { return design.weight(k) == 0; });
  }

  std::vector<std::uint32_t>& order() { return order_; }
  std::size_t size() const { return order_.size(); }
  float target(std::size_t k) const { return design_.targets[order_[k]]; }
  float weight(std::size_t k) const { return design_.weight(order_[k]); }

  // The columns of row k; entries that are zero are left out.
  void read(std::size_t k, FactorizationMachine& model, std::vector<RowEntry>& entries) const {
    entries.clear();
    for (const Block& block : design_.blocks) {
      const SparseRows::Row row = block.table->row(block.row_of(order_[k]));
      for (std::size_t e = 0; e < row.size(); ++e) {
        if (row.values[e] == 0) continue;
        entries.push_back({row.columns[e], row.values[e], model.factors.row(row.columns[e])});
      }
    }
  }

 private:
  const Design& design_;
  std::vector<std::uint32_t> order_;
};

// The score of a row; leaves P in `sum`. Four factors at a time stay in registers over all entries.
float score_of(const std::vector<RowEntry>& entries, const FactorizationMachine& model,
               float* sum) {
  float linear = model.constant;
  for (const auto& [column, x, v] : entries) linear += model.linear[column] * x;
  f4 pairs = splat(0);
  for (std::size_t f = 0; f < model.factors.stride(); f += 4) {
    f4 total = splat(0), squares = splat(0);
    for (const auto& [column, x, v] : entries) {
      const f4 term = splat(x) * load4(v + f);
      total += term;
      squares += term * term;
    }
    at4(sum + f) = total;
    pairs += total * total - squares;
  }
  return linear + 0.5f * sum4(pairs);
}

// Sums of the losses of an epoch, measured on the way: each row before its own update.
struct RunningLosses {
  double loss = 0, squared = 0, weight = 0;
};

class RowTrainer {
 public:
  virtual ~RowTrainer() = default;
  virtual void train(const Rows& rows, std::size_t begin, std::size_t end, float rate,
                     FactorizationMachine& model, RunningLosses& losses) = 0;
  virtual void end_epoch(float, FactorizationMachine&) {}
  virtual std::vector<FieldPenalty> learned_penalties() const { return {}; }
};

// Derivative of a row's loss in its score, with the loss added to the sums.
float error_of(Task task, float score, float target, float weight, RunningLosses& losses) {
  float residual;
  if (task == Task::classification) {
    const float label = label_of(target);
    residual = scalar::sigmoid1(score) - label;
    losses.loss += double{weight} * cross_entropy(double{score}, double{label});
  } else {
    residual = score - target;
    losses.loss += double{weight} * double{residual} * double{residual};
  }
  losses.squared += double{weight} * double{residual} * double{residual};
  losses.weight += weight;
  return weight * residual;
}

template <class Rule>
class RuleTrainer final : public RowTrainer {
 public:
  RuleTrainer(const FmSgdOptions& options, const FactorizationMachine& model,
              ColumnPenalties penalties, float constant_penalty)
      : options_(options),
        penalties_(std::move(penalties)),
        row_penalties_{penalties_.linear.data(), penalties_.factors.data(), constant_penalty},
        rule_(options, model, row_penalties_),
        sum_(model.factors.stride()) {}

  void train(const Rows& rows, std::size_t begin, std::size_t end, float rate,
             FactorizationMachine& model, RunningLosses& losses) override {
    const RowView row{entries_, sum_.data(), model.linear.data(), model.factors.stride()};
    const bool pairs = options_.factors > 0;
    for (std::size_t k = begin; k < end; ++k) {
      rows.read(k, model, entries_);
      const float score = score_of(entries_, model, sum_.data());
      const float error = error_of(options_.task, score, rows.target(k), rows.weight(k), losses);
      if (options_.constant) rule_.constant(model.constant, error, rate, row_penalties_.constant);
      if (options_.linear) rule_.linear(row, error, rate, row_penalties_);
      if (pairs) rule_.factors(row, error, rate, row_penalties_);
      if (++in_batch_ == options_.batch_size) end_batch(rate, model);
    }
  }
  // The last batch may be a small one.
  void end_epoch(float rate, FactorizationMachine& model) override {
    if (in_batch_ > 0) end_batch(rate, model);
  }

 private:
  void end_batch(float rate, FactorizationMachine& model) {
    rule_.end_batch(model, rate);
    in_batch_ = 0;
  }

  FmSgdOptions options_;
  ColumnPenalties penalties_;
  RowPenalties row_penalties_;
  Rule rule_;
  std::uint32_t in_batch_ = 0;
  std::vector<RowEntry> entries_;
  AlignedFloats sum_;
};

// Plain steps with penalties of each field (and factor) that follow the validation rows: after each
// step on a training row, one validation row tells in which direction the penalties should have
// been, through
//   d y(x) / d lambda_field = -rate sum_{j in field} x_j w_j,
//   d y(x) / d lambda_field,f = -rate sum_{j in field} x_j v_jf (P_f - x_j v_jf).
class AdaptiveTrainer final : public RowTrainer {
 public:
  AdaptiveTrainer(const FmSgdOptions& options, const FmData& data,
                  const FactorizationMachine& model, float constant_penalty)
      : options_(options),
        validation_(*data.validation),
        random_(options.seed ^ 0xada9ada9ada9ada9u),
        fields_(data.space.fields),
        field_of_(model.columns()),
        linear_(fields_.size(), options.linear_regularization),
        factors_(fields_.size(), model.factors.columns()),
        constant_penalty_(constant_penalty),
        sum_(model.factors.stride()),
        slopes_(fields_.size(), model.factors.columns()),
        linear_slopes_(fields_.size()) {
    for (std::size_t g = 0; g < fields_.size(); ++g) {
      float factor_penalty = options.factor_regularization;
      for (const FieldPenalty& penalty : options.field_penalties) {
        if (penalty.field != fields_[g].name) continue;
        linear_[g] = penalty.linear;
        factor_penalty = penalty.factors;
      }
      std::ranges::fill(factors_.columns_of(g), factor_penalty);
      std::ranges::fill(std::span(field_of_).subspan(fields_[g].begin, fields_[g].columns),
                        static_cast<std::uint32_t>(g));
    }
    if (validation_.size() == 0) {
      fail(ErrorCode::empty, "validation", {"no validation row has a weight"});
    }
    random_.shuffle(validation_.order());
  }

  void train(const Rows& rows, std::size_t begin, std::size_t end, float rate,
             FactorizationMachine& model, RunningLosses& losses) override {
    for (std::size_t k = begin; k < end; ++k) {
      rows.read(k, model, entries_);
      const float score = score_of(entries_, model, sum_.data());
      step(error_of(options_.task, score, rows.target(k), rows.weight(k), losses), rate, model);
      adapt(next_, rate, model);
      next_ = (next_ + 1) % validation_.size();
    }
  }

  std::vector<FieldPenalty> learned_penalties() const override {
    std::vector<FieldPenalty> result;
    for (std::size_t g = 0; g < fields_.size(); ++g) {
      const auto row = factors_.columns_of(g);
      const float sum = std::accumulate(row.begin(), row.end(), 0.0f);
      const float count = row.empty() ? 1.0f : static_cast<float>(row.size());
      result.push_back({fields_[g].name, linear_[g], sum / count});
    }
    return result;
  }

 private:
  void step(float error, float rate, FactorizationMachine& model) {
    if (options_.constant) {
      model.constant -= rate * (error + constant_penalty_ * model.constant);
    }
    const f4 r = splat(rate), one = splat(1);
    for (const auto& [column, x, v] : entries_) {
      const std::uint32_t g = field_of_[column];
      float& w = model.linear[column];
      if (options_.linear) w -= rate * (error * x + linear_[g] * w);
      const f4 slope = splat(-rate * error * x), own = splat(rate * error * x * x);
      const float* const lambda = factors_.row(g);
      for (std::size_t f = 0; f < model.factors.stride(); f += 4) {
        at4(v + f) = (one + own - r * load4(lambda + f)) * load4(v + f) + slope * load4(&sum_[f]);
      }
    }
  }

  void adapt(std::size_t k, float rate, FactorizationMachine& model) {
    validation_.read(k, model, entries_);
    RunningLosses unused;
    const float score = score_of(entries_, model, sum_.data());
    const float error =
        error_of(options_.task, score, validation_.target(k), validation_.weight(k), unused);
    std::fill(linear_slopes_.begin(), linear_slopes_.end(), 0.0f);
    std::ranges::fill(slopes_.storage(), 0.0f);
    for (const auto& [column, x, v] : entries_) {
      const std::uint32_t g = field_of_[column];
      linear_slopes_[g] += x * model.linear[column];
      const f4 value = splat(x);
      for (std::size_t f = 0; f < model.factors.stride(); f += 4) {
        const f4 term = value * load4(v + f);
        at4(slopes_.row(g) + f) += term * (load4(&sum_[f]) - term);
      }
    }
    // lambda <- max(0, lambda - rate error (-rate slope)), with the ratings' own rate for both.
    const float gain = rate * error * rate;
    for (std::size_t g = 0; g < fields_.size(); ++g) {
      linear_[g] = std::max(0.0f, linear_[g] + gain * linear_slopes_[g]);
      const auto row = factors_.columns_of(g);
      for (std::size_t f = 0; f < row.size(); ++f) {
        row[f] = std::max(0.0f, row[f] + gain * slopes_.row(g)[f]);
      }
    }
  }

  FmSgdOptions options_;
  Rows validation_;
  Random random_;
  std::vector<ColumnField> fields_;
  std::vector<std::uint32_t> field_of_;
  std::vector<float> linear_;  // penalty of each field
  Matrix factors_;             // fields x k
  float constant_penalty_;
  std::size_t next_ = 0;
  std::vector<RowEntry> entries_;
  AlignedFloats sum_;
  Matrix slopes_;
  std::vector<float> linear_slopes_;
};

std::unique_ptr<RowTrainer> make_row_trainer(const FmSgdOptions& options, const FmData& data,
                                             const FactorizationMachine& model,
                                             const ColumnCounts& counts, std::size_t row_count) {
  // Penalties per row that has the column: every one of them pulls its share.
  ColumnPenalties penalties = column_penalties(options, data.space, counts);
  for (std::size_t j = 0; j < counts.examples.size(); ++j) {
    const auto rows = static_cast<float>(std::max(1u, counts.examples[j]));
    penalties.linear[j] /= rows;
    // FTRL's penalty is part of its formula, once for the column.
    if (options.solver == FmSolver::ftrl) penalties.linear[j] *= rows;
    penalties.factors[j] /= rows;
  }
  const float constant =
      options.constant_regularization / static_cast<float>(std::max<std::size_t>(1, row_count));
  switch (options.solver) {
    case FmSolver::adagrad:
      return std::make_unique<RuleTrainer<FmAdagradRule>>(options, model, std::move(penalties),
                                                          constant);
    case FmSolver::adam:
      return std::make_unique<RuleTrainer<FmAdamRule>>(options, model, std::move(penalties),
                                                       constant);
    case FmSolver::ftrl:
      return std::make_unique<RuleTrainer<FmFtrlRule>>(options, model, std::move(penalties),
                                                       constant);
    case FmSolver::sgda:
      return std::make_unique<AdaptiveTrainer>(options, data, model, constant);
    case FmSolver::sgd:
      break;
  }
  return std::make_unique<RuleTrainer<FmSgdRule>>(options, model, std::move(penalties), constant);
}

class FmSgd final : public FmTrainer {
 public:
  FmSgd(const FmSgdOptions& options, FmData data, const FactorizationMachine* start)
      : options_(options),
        data_(std::move(data)),
        counts_(count_columns(*data_.train)),
        random_(options.seed ^ 0x5eed5eed5eed5eedu),  // another stream than the initial factors
        model_(initial_machine(options, data_, counts_, start)),
        rows_(*data_.train),
        trainer_(make_row_trainer(options, data_, model_, counts_, rows_.size())),
        validation_(data_.validation, options.patience),
        rate_(options.learning_rate) {
    validation_.start_from(model_);
  }

  const FactorizationMachine& model() const override { return validation_.best_model(); }
  std::uint32_t best_epoch() const override { return validation_.best_epoch(); }
  std::vector<FieldPenalty> learned_penalties() const override {
    return trainer_->learned_penalties();
  }

 private:
  Work train() override {
    // Fisher-Yates.
    std::vector<std::uint32_t>& row_order = rows_.order();
    for (auto left = static_cast<std::uint32_t>(row_order.size()); left > 1; --left) {
      std::swap(row_order[left - 1], row_order[random_.below(left)]);
      if (left % (64 * block_size) == 0) co_yield Pause{};
    }
    std::vector<std::size_t> order((rows_.size() + block_size - 1) / block_size);
    std::iota(order.begin(), order.end(), std::size_t{0});

    for (epoch_ = 1;; ++epoch_, rate_ *= options_.learning_rate_decay) {
      losses_ = {};
      random_.shuffle(order);
      for (std::size_t b = 0; b < order.size(); ++b) {
        const std::size_t begin = order[b] * block_size;
        trainer_->train(rows_, begin, std::min(begin + block_size, rows_.size()), rate_, model_,
                        losses_);
        if (!std::isfinite(losses_.squared)) fail_diverged();
        fraction_ = (epoch_ - 1 + double(b + 1) / double(order.size())) / options_.epochs;
        co_yield Pause{};
      }
      trainer_->end_epoch(rate_, model_);
      if (!model_.all_finite()) fail_diverged();
      while (!validation_.measure(model_)) co_yield Pause{};
      finished_epoch_ = validation_.finish_epoch(epoch_, model_, train_losses());
      stopped_early_ = epoch_ < options_.epochs && validation_.should_stop();
      if (epoch_ == options_.epochs || stopped_early_) co_return;
      co_yield Pause{};
    }
  }

  Losses train_losses() const {
    const double total = losses_.weight > 0 ? losses_.weight : 1;
    return {losses_.loss / total, std::sqrt(losses_.squared / total), 0};
  }

  [[noreturn]] void fail_diverged() const {
    std::string kept;
    if (best_epoch() > 0) {
      kept = joined({"; the parameters of epoch ", best_epoch(), " were still good"});
    }
    fail(ErrorCode::diverged, "learningRate",
         {"training diverged in epoch ", epoch_,
          ": parameters are no longer finite. Lower learningRate (now ", options_.learning_rate,
          "), or scale very large features and ratings down", kept});
  }

  FmSgdOptions options_;
  FmData data_;
  ColumnCounts counts_;
  Random random_;
  FactorizationMachine model_;
  Rows rows_;
  std::unique_ptr<RowTrainer> trainer_;
  FmValidation validation_;
  float rate_;
  RunningLosses losses_;  // of the current epoch
};

}  // namespace

void FmSgdOptions::validate() const {
  FmOptions::validate();
  require_above(learning_rate, 0, 1e9, "learningRate");
  require_above(learning_rate_decay, 0, 1, "learningRateDecay");
  require_range<std::uint32_t>(batch_size, 1, 1'000'000, "batchSize");
  for (const auto& [beta, name] : {std::pair{beta1, "beta1"}, {beta2, "beta2"}}) {
    require_range(beta, 0.0f, std::nextafter(1.0f, 0.0f), name);
  }
  require_range(l1, 0.0f, 1e6f, "l1");
  require_range(ftrl_beta, 0.0f, 1e6f, "ftrlBeta");
}

std::unique_ptr<FmTrainer> make_fm_sgd(const FmSgdOptions& options, FmData data,
                                       const FactorizationMachine* start) {
  options.validate();
  if (options.solver == FmSolver::sgda && !data.validation) {
    fail(ErrorCode::invalid_argument, "validation",
         {"the solver \"sgda\" fits its penalties to validation rows; pass a validation dataset"});
  }
  return std::make_unique<FmSgd>(options, std::move(data), start);
}

}  // namespace featherfm
