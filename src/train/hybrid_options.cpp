#include "train/hybrid_options.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"

namespace featherfm {
namespace {

void require_fields(const FeatureSpace& space) {
  for (const ColumnField& field : space.fields) {
    if (field.side != Side::context) continue;
    fail(ErrorCode::invalid_argument, "fields",
         {"a hybrid model describes users and items; \"", field.name,
          "\" is a field of the context"});
  }
  if (space.columns() == 0) {
    fail(ErrorCode::invalid_argument, "identity",
         {"without identity columns and features there is nothing to learn"});
  }
}

// Rows of `factors` and `last` side by side, under the new numbers of their columns.
void join(const Matrix& factors, const std::vector<float>& last,
          const std::vector<std::uint32_t>& columns, Matrix& to) {
  for (std::uint32_t j = 0; j < factors.rows(); ++j) {
    std::ranges::copy(factors.columns_of(j), to.row(columns[j]));
    to.row(columns[j])[factors.columns()] = last[j];
  }
}

void part(const Matrix& from, Matrix& factors, std::vector<float>& last) {
  const std::size_t k = from.columns() - 1;
  factors = Matrix(from.rows(), k);
  last.resize(from.rows());
  for (std::size_t j = 0; j < from.rows(); ++j) {
    std::ranges::copy(from.columns_of(j).first(k), factors.row(j));
    last[j] = from.row(j)[k];
  }
}

}  // namespace

void HybridOptions::validate() const {
  require_range<std::uint32_t>(factors, 1, 1024, "factors");
  require_above(learning_rate, 0, 1e9, "learningRate");
  require_range(rho, 0.0f, std::nextafter(1.0f, 0.0f), "rho");
  require_above(epsilon, 0, 1, "epsilon");
  require_range(user_regularization, 0.0f, 1.0f, "regularization.user");
  require_range(item_regularization, 0.0f, 1.0f, "regularization.item");
  require_range<std::uint32_t>(max_sampled, 1, 1'000'000, "maxSampled");
  require_range<std::uint32_t>(positives, 1, 1000, "n");
  require_range<std::uint32_t>(kth, 1, positives, "k");
  if (positive_from) {
    constexpr float most = std::numeric_limits<float>::max();
    require_range(*positive_from, -most, most, "positiveFrom");
  }
  require_range<std::uint32_t>(epochs, 1, 100'000, "epochs");
}

RankingRule HybridOptions::rule() const {
  return {loss, learning_rate, user_regularization, max_sampled, kth, positives, positive_from};
}

HybridParameters initial_hybrid(const HybridOptions& options, const HybridData& data,
                                const FactorizationMachine* start) {
  if (data.train->size() == 0) {
    fail(ErrorCode::empty, "data", {"there is no interaction to train on"});
  }
  if (data.validation && data.validation->size() == 0) {
    fail(ErrorCode::empty, "validation", {"there is no interaction to validate on"});
  }
  require_fields(data.space);
  const std::size_t columns = data.space.columns(), width = std::size_t{options.factors} + 1;
  const bool adadelta = options.steps == StepRule::adadelta;
  HybridParameters parameters{Matrix(columns, width), Matrix(columns, width), {}};
  if (adadelta) {
    parameters.steps = Matrix(columns, width);
  } else {
    std::ranges::fill(parameters.squares.storage(), 1.0f);
  }
  std::vector<char> trained(columns);
  if (start) {
    if (start->factors.columns() != options.factors) {
      fail(ErrorCode::invalid_argument, "factors",
           {"a model with ", start->factors.columns(), " factors cannot continue with ",
            options.factors});
    }
    const auto translation = column_translation(start->space, data.space);
    join(start->factors, start->linear, translation, parameters.rows);
    if (const StepMemory* memory = start->memory.get()) {
      if (memory->linear_steps.empty() ? adadelta : !adadelta) {
        fail(ErrorCode::invalid_argument, "optimizer",
             {"a model continues with the optimizer it was trained with"});
      }
      join(memory->factors, memory->linear, translation, parameters.squares);
      if (adadelta) {
        join(memory->factor_steps, memory->linear_steps, translation, parameters.steps);
      }
    }
    for (const std::uint32_t column : translation) trained[column] = 1;
  }
  // Further columns shall not begin where the first ones did under the same seed.
  Random random(options.seed + (start ? start->columns() : 0));
  for (std::uint32_t j = 0; j < columns; ++j) {
    if (trained[j]) continue;
    for (float& x : parameters.rows.columns_of(j).first(options.factors)) {
      x = static_cast<float>((random.uniform() - 0.5) / options.factors);
    }
  }
  return parameters;
}

FactorizationMachine hybrid_machine(const HybridOptions& options, const FeatureSpace& space,
                                    const HybridParameters& parameters) {
  FactorizationMachine model;
  part(parameters.rows, model.factors, model.linear);
  const auto memory = std::make_shared<StepMemory>();
  part(parameters.squares, memory->factors, memory->linear);
  if (options.steps == StepRule::adadelta) {
    part(parameters.steps, memory->factor_steps, memory->linear_steps);
  }
  model.memory = memory;
  model.pairs = Pairs::between_sides;
  const bool logistic = options.loss == RankingLoss::logistic;
  constexpr float unlimited = std::numeric_limits<float>::max();
  model.link = logistic ? Link::logistic : Link::identity;
  model.range = logistic ? ValueRange{0, 1} : ValueRange{-unlimited, unlimited};
  model.fold_in.user_bias = logistic;
  model.fold_in.own_parameters = space.find(user_field) != nullptr;
  model.fold_in.ranking = options.rule();
  model.space = space;
  return model;
}

}  // namespace featherfm
