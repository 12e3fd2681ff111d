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

// The rows of `from` under the new numbers of their columns; the others as they are in `to`.
void move_rows(const Matrix& from, const std::vector<std::uint32_t>& columns, Matrix& to) {
  for (std::uint32_t j = 0; j < from.rows(); ++j) {
    std::ranges::copy(from.columns_of(j), to.row(columns[j]));
  }
}

}  // namespace

void HybridOptions::validate() const {
  require_range<std::uint32_t>(factors, 0, 1024, "factors");
  require_above(learning_rate, 0, 1e9, "learningRate");
  require_range(rho, 0.0f, std::nextafter(1.0f, 0.0f), "rho");
  require_above(epsilon, 0, 1, "epsilon");
  require_range(user_regularization, 0.0f, 1e6f, "regularization.user");
  require_range(item_regularization, 0.0f, 1e6f, "regularization.item");
  require_range<std::uint32_t>(max_sampled, 1, 1'000'000, "maxSampled");
  require_range<std::uint32_t>(n, 1, 1000, "n");
  require_range<std::uint32_t>(k, 1, 1000, "k");
  if (positive_from) {
    constexpr float most = std::numeric_limits<float>::max();
    require_range(*positive_from, -most, most, "positiveFrom");
  }
  require_range<std::uint32_t>(epochs, 1, 100'000, "epochs");
}

HybridModel initial_hybrid(const HybridOptions& options, const HybridData& data,
                           const HybridModel* start) {
  if (data.train->size() == 0) {
    fail(ErrorCode::empty, "data", {"there is no interaction to train on"});
  }
  if (data.validation && data.validation->size() == 0) {
    fail(ErrorCode::empty, "validation", {"there is no interaction to validate on"});
  }
  require_fields(data.space);
  const std::size_t columns = data.space.columns(), width = std::size_t{options.factors} + 1;
  const bool adadelta = options.optimizer == HybridOptimizer::adadelta;
  HybridModel model;
  model.rows = Matrix(columns, width);
  model.squares = Matrix(columns, width);
  if (adadelta) {
    model.steps = Matrix(columns, width);
  } else {
    std::ranges::fill(model.squares.storage(), 1.0f);
  }
  std::vector<char> trained(columns);
  if (start) {
    if (start->factors() != options.factors) {
      fail(ErrorCode::invalid_argument, "factors",
           {"a model with ", start->factors(), " factors cannot continue with ", options.factors});
    }
    if (start->steps.rows() > 0 ? !adadelta : adadelta) {
      fail(ErrorCode::invalid_argument, "optimizer",
           {"a model continues with the optimizer it was trained with"});
    }
    const auto translation = column_translation(start->space, data.space);
    move_rows(start->rows, translation, model.rows);
    move_rows(start->squares, translation, model.squares);
    move_rows(start->steps, translation, model.steps);
    for (const std::uint32_t column : translation) trained[column] = 1;
  }
  // Further columns shall not begin where the first ones did under the same seed.
  Random random(options.seed + (start ? start->columns() : 0));
  for (std::uint32_t j = 0; j < columns; ++j) {
    if (trained[j]) continue;
    for (float& x : model.rows.columns_of(j).first(options.factors)) {
      x = static_cast<float>((random.uniform() - 0.5) / options.factors);
    }
  }

  const bool logistic = options.loss == HybridLoss::logistic;
  constexpr float unlimited = std::numeric_limits<float>::max();
  model.normalize = options.normalize;
  model.rule = {options.loss,          options.positive_from,
                options.learning_rate, options.user_regularization,
                options.max_sampled,   options.seed};
  model.space = data.space;
  model.link = logistic ? Link::logistic : Link::identity;
  model.range = logistic ? ValueRange{0, 1} : ValueRange{-unlimited, unlimited};
  model.fold_in.user_bias = logistic;
  model.fold_in.own_parameters = data.space.find(user_field) != nullptr;
  return model;
}

}  // namespace featherfm
