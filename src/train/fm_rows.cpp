#include "train/fm_rows.h"

#include <cmath>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "train/validation.h"

namespace featherfm {
namespace {

// The score of a row; leaves P in `sum`. Four factors at a time stay in registers over all entries.
float score_of(std::span<const RowEntry> entries, float constant, const float* linear,
               std::size_t stride, float* sum) {
  float score = constant;
  for (const auto& [column, x, v] : entries) score += linear[column] * x;
  f4 pairs = splat(0);
  for (std::size_t f = 0; f < stride; f += 4) {
    f4 total = splat(0), squares = splat(0);
    for (const auto& [column, x, v] : entries) {
      const f4 term = splat(x) * load4(v + f);
      total += term;
      squares += term * term;
    }
    at4(sum + f) = total;
    pairs += total * total - squares;
  }
  return score + 0.5f * sum4(pairs);
}

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

  void train(Rows& rows, std::size_t begin, std::size_t end, float rate,
             FactorizationMachine& model, RunningLosses& losses) override {
    const RowPenalties& penalties = row_penalties_;
    float* const linear = model.linear.data();
    float* const factors = model.factors.row(0);
    const std::size_t stride = model.factors.stride();
    for (std::size_t k = begin; k < end; ++k) {
      const RowView row{rows.read(k, factors, stride), sum_.data(), linear, stride};
      const float score = score_of(row.entries, model.constant, linear, stride, sum_.data());
      const float error = error_of(options_.task, score, rows.target(k), rows.weight(k), losses);
      if (options_.constant) rule_.constant(model.constant, error, rate, penalties.constant);
      if (options_.linear) rule_.linear(row, error, rate, penalties);
      if (stride > 0) rule_.factors(row, error, rate, penalties);
      if (++in_batch_ == options_.batch_size) end_batch(rate, model);
    }
  }
  // The last batch may be a small one.
  void end_epoch(float rate, FactorizationMachine& model) override {
    if (in_batch_ > 0) end_batch(rate, model);
  }
  void moved(const FactorizationMachine& model) override { rule_.moved(model); }

 private:
  void end_batch(float rate, FactorizationMachine& model) {
    rule_.end_batch(model, rate);
    in_batch_ = 0;
  }

  const FmSgdOptions& options_;
  ColumnPenalties penalties_;
  RowPenalties row_penalties_;
  Rule rule_;
  std::uint32_t in_batch_ = 0;
  AlignedFloats sum_;
};

// Plain steps with penalties of each field (and factor) that follow the validation rows: after each
// step on a training row, one validation row tells in which direction the penalties should have
// been, through
//   d y(x) / d lambda_field = -rate sum_{j in field} x_j w_j,
//   d y(x) / d lambda_field,f = -rate sum_{j in field} x_j v_jf (P_f - x_j v_jf).
// The steps of the penalties have a rate of 1: with the rate of the parameters, as in the paper,
// they hardly leave where they start on ratings.
class AdaptiveTrainer final : public RowTrainer {
 public:
  AdaptiveTrainer(const FmSgdOptions& options, const FmData& data,
                  const FactorizationMachine& model, float constant_penalty)
      : options_(options),
        validation_(*data.validation),
        fields_(data.space.fields),
        field_of_(model.columns()),
        linear_(fields_.size()),
        factors_(fields_.size(), model.factors.columns()),
        constant_penalty_(constant_penalty),
        sum_(model.factors.stride()),
        slopes_(fields_.size(), model.factors.columns()),
        linear_slopes_(fields_.size()) {
    for (std::size_t g = 0; g < fields_.size(); ++g) {
      const FieldPenalty penalty = penalty_of(options, fields_[g].name);
      linear_[g] = penalty.linear;
      std::ranges::fill(factors_.columns_of(g), penalty.factors);
      std::ranges::fill(std::span(field_of_).subspan(fields_[g].begin, fields_[g].columns),
                        static_cast<std::uint32_t>(g));
    }
    if (validation_.size() == 0) {
      fail(ErrorCode::empty, "validation", {"no validation row has a weight"});
    }
    for (Random random(options.seed ^ 0xada9ada9ada9ada9u); !validation_.shuffle(random);) {
    }
  }

  void train(Rows& rows, std::size_t begin, std::size_t end, float rate,
             FactorizationMachine& model, RunningLosses& losses) override {
    for (std::size_t k = begin; k < end; ++k) {
      const auto entries = rows.read(k, model.factors.row(0), model.factors.stride());
      const float score = score_of(entries, model.constant, model.linear.data(),
                                   model.factors.stride(), sum_.data());
      step(entries, error_of(options_.task, score, rows.target(k), rows.weight(k), losses), rate,
           model);
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
  void step(std::span<const RowEntry> entries, float error, float rate,
            FactorizationMachine& model) {
    if (options_.constant) {
      model.constant -= rate * (error + constant_penalty_ * model.constant);
    }
    const f4 r = splat(rate), one = splat(1);
    for (const auto& [column, x, v] : entries) {
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
    const auto entries = validation_.read(k, model.factors.row(0), model.factors.stride());
    RunningLosses unused;
    const float score =
        score_of(entries, model.constant, model.linear.data(), model.factors.stride(), sum_.data());
    const float error =
        error_of(options_.task, score, validation_.target(k), validation_.weight(k), unused);
    std::fill(linear_slopes_.begin(), linear_slopes_.end(), 0.0f);
    std::ranges::fill(slopes_.storage(), 0.0f);
    for (const auto& [column, x, v] : entries) {
      const std::uint32_t g = field_of_[column];
      linear_slopes_[g] += x * model.linear[column];
      const f4 value = splat(x);
      for (std::size_t f = 0; f < model.factors.stride(); f += 4) {
        const f4 term = value * load4(v + f);
        at4(slopes_.row(g) + f) += term * (load4(&sum_[f]) - term);
      }
    }
    // lambda <- max(0, lambda - error (-rate slope))
    const float gain = error * rate;
    for (std::size_t g = 0; g < fields_.size(); ++g) {
      linear_[g] = std::max(0.0f, linear_[g] + gain * linear_slopes_[g]);
      const auto row = factors_.columns_of(g);
      for (std::size_t f = 0; f < row.size(); ++f) {
        row[f] = std::max(0.0f, row[f] + gain * slopes_.row(g)[f]);
      }
    }
  }

  const FmSgdOptions& options_;
  Rows validation_;
  const std::vector<ColumnField>& fields_;
  std::vector<std::uint32_t> field_of_;
  std::vector<float> linear_;  // penalty of each field
  Matrix factors_;             // fields x k
  float constant_penalty_;
  std::size_t next_ = 0;
  AlignedFloats sum_;
  Matrix slopes_;
  std::vector<float> linear_slopes_;
};

}  // namespace

std::unique_ptr<RowTrainer> make_row_trainer(const FmSgdOptions& options, const FmData& data,
                                             const FactorizationMachine& model,
                                             const ColumnCounts& counts, std::size_t rows) {
  // Penalties per row that has the column: every one of them pulls its share.
  ColumnPenalties penalties = column_penalties(options, data.space, counts);
  for (std::size_t j = 0; j < counts.examples.size(); ++j) {
    const auto own_rows = static_cast<float>(std::max(1u, counts.examples[j]));
    penalties.linear[j] /= own_rows;
    // FTRL's penalty is part of its formula, once for the column and all epochs.
    if (options.solver == FmSolver::ftrl) {
      penalties.linear[j] *= own_rows * static_cast<float>(options.epochs);
    }
    penalties.factors[j] /= own_rows;
  }
  const float constant =
      options.constant_regularization / static_cast<float>(std::max<std::size_t>(1, rows));
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

}  // namespace featherfm
