#include "train/fm_options.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/portable_math.h"

namespace featherfm {
namespace {

struct TargetSummary {
  ValueRange range;
  double mean = 0;
};

TargetSummary summarize(const Design& design) {
  TargetSummary result;
  result.range = {design.targets.front(), design.targets.front()};
  double sum = 0, weight = 0;
  for (std::size_t k = 0; k < design.size(); ++k) {
    const float target = design.targets[k];
    result.range = {std::min(result.range.low, target), std::max(result.range.high, target)};
    sum += double{design.weight(k)} * double{target};
    weight += design.weight(k);
  }
  result.mean = weight > 0 ? sum / weight : 0;
  return result;
}

// The logarithm of the odds that alone would predict best.
float best_log_odds(const Design& design) {
  double ones = 0, weight = 0;
  for (std::size_t k = 0; k < design.size(); ++k) {
    ones += double{design.weight(k)} * double{label_of(design.targets[k])};
    weight += design.weight(k);
  }
  const double share = std::clamp(weight > 0 ? ones / weight : 0.5, 1e-6, 1 - 1e-6);
  return static_cast<float>(portable_log(share / (1 - share)));
}

}  // namespace

void FmOptions::validate() const {
  require_range<std::uint32_t>(factors, 0, 1024, "factors");
  require_range(constant_regularization, 0.0f, 1e6f, "regularization.constant");
  require_range(linear_regularization, 0.0f, 1e6f, "regularization.linear");
  require_range(factor_regularization, 0.0f, 1e6f, "regularization.factors");
  for (const FieldPenalty& penalty : field_penalties) {
    require_range(penalty.linear, 0.0f, 1e6f, "regularization.fields");
    require_range(penalty.factors, 0.0f, 1e6f, "regularization.fields");
  }
  require_range(feature_regularization, 0.0f, 1e6f, "regularization.features");
  require_range(frequency_scaling, 0.0f, 1.0f, "frequencyScaling");
  require_range(initial_scale, 0.0f, 10.0f, "initialScale");
  require_range<std::uint32_t>(epochs, 1, 100'000, "epochs");
  validate_value_range(value_range);
}

void require_labels(const std::vector<float>& targets, const char* argument) {
  bool zero = false, minus = false;
  for (std::size_t k = 0; k < targets.size(); ++k) {
    zero = zero || targets[k] == 0;
    minus = minus || targets[k] == -1;
    if ((targets[k] == 0 || targets[k] == 1 || targets[k] == -1) && !(zero && minus)) continue;
    fail(ErrorCode::out_of_range, argument,
         {"classification needs ", argument, " of 0 and 1, or of -1 and 1; got ",
          double{targets[k]}, " at ", k});
  }
}

FactorizationMachine initial_machine(const FmOptions& options, const FmData& data,
                                     const ColumnCounts& counts,
                                     const FactorizationMachine* start) {
  const Design& design = *data.train;
  if (design.size() == 0) {
    fail(ErrorCode::empty, "data", {"there is nothing to train on"});
  }
  if (data.validation && data.validation->size() == 0) {
    fail(ErrorCode::empty, "validation", {"there is nothing to validate on"});
  }
  const bool classification = options.task == Task::classification;
  if (classification) {
    require_labels(design.targets, data.targets);
    if (data.validation) require_labels(data.validation->targets, data.targets);
  }
  const TargetSummary targets = summarize(design);
  FactorizationMachine model;
  if (start) {
    if (start->factors.columns() != options.factors) {
      fail(ErrorCode::invalid_argument, "factors",
           {"a model with ", start->factors.columns(), " factors cannot continue with ",
            options.factors});
    }
    model = start->translated(column_translation(start->space, data.space), design.columns);
    if (!classification && !options.value_range) {  // "observed": by both trainings
      model.range = {std::min(model.range.low, targets.range.low),
                     std::max(model.range.high, targets.range.high)};
    }
    // A part that is not learned must not linger in the scores.
    if (!options.constant) model.constant = 0;
    if (!options.linear) std::fill(model.linear.begin(), model.linear.end(), 0.0f);
  } else {
    model = FactorizationMachine(design.columns, options.factors);
    model.range = targets.range;
    if (options.constant) {
      model.constant = classification ? best_log_odds(design) : static_cast<float>(targets.mean);
    }
  }
  if (options.value_range) model.range = *options.value_range;
  if (classification) model.range = {0, 1};
  model.link = classification ? Link::logistic : Link::identity;
  model.space = data.space;

  Random random(options.seed);
  for (std::size_t j = 0; j < model.columns(); ++j) {
    const auto row = model.factors.columns_of(j);
    if (counts.examples[j] == 0 || std::ranges::any_of(row, [](float x) { return x != 0; }))
      continue;
    for (float& x : row) x = static_cast<float>(random.normal()) * options.initial_scale;
  }

  // A new user is placed by their own column alone, under the penalties of the field of users.
  model.fold_in = {};
  const FieldPenalty own = penalty_of(options, user_field);
  model.fold_in.regularization = own.factors;
  model.fold_in.bias_regularization = own.linear;
  model.fold_in.frequency_scaling = options.frequency_scaling;
  model.fold_in.user_bias = options.linear;
  model.fold_in.own_parameters = data.space.find(user_field) != nullptr;
  return model;
}

void add_evidence(FactorizationMachine& model, const ColumnCounts& counts, const Design& design) {
  model.evidence.resize(model.columns());
  for (std::size_t j = 0; j < model.columns(); ++j) {
    model.evidence[j] += static_cast<float>(counts.squares[j]);
  }
  for (std::size_t k = 0; k < design.size(); ++k) model.examples += design.weight(k) > 0;
}

FieldPenalty penalty_of(const FmOptions& options, const std::string& field) {
  const auto own = std::ranges::find(options.field_penalties, field, &FieldPenalty::field);
  if (own != options.field_penalties.end()) return *own;
  const bool identity = field == user_field || field == item_field;
  const float scale = identity ? 1 : options.feature_regularization;
  return {field, scale * options.linear_regularization, scale * options.factor_regularization};
}

ColumnPenalties column_penalties(const FmOptions& options, const FeatureSpace& space,
                                 const ColumnCounts& counts) {
  for (const FieldPenalty& penalty : options.field_penalties) {
    if (space.find(penalty.field)) continue;
    fail(ErrorCode::invalid_argument, "regularization.fields",
         {"regularization.fields names \"", penalty.field, "\", which is no field of the model"});
  }
  const std::size_t columns = counts.examples.size();
  ColumnPenalties result{std::vector<float>(columns), std::vector<float>(columns)};
  for (const ColumnField& field : space.fields) {
    const FieldPenalty penalty = penalty_of(options, field.name);
    std::ranges::fill(std::span(result.linear).subspan(field.begin, field.columns), penalty.linear);
    std::ranges::fill(std::span(result.factors).subspan(field.begin, field.columns),
                      penalty.factors);
  }
  for (std::size_t j = 0; j < columns; ++j) {
    if (counts.squares[j] == 0) continue;
    const double scale = portable_pow(counts.squares[j], double{options.frequency_scaling});
    result.linear[j] = static_cast<float>(result.linear[j] * scale);
    result.factors[j] = static_cast<float>(result.factors[j] * scale);
  }
  return result;
}

}  // namespace featherfm
