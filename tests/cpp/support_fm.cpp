#include "support_fm.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "train/fm_als.h"

namespace featherfm::testing {
namespace {

void fill_normal(std::span<float> values, double scale, Random& random) {
  for (float& value : values) value = static_cast<float>(scale * random.normal());
}

}  // namespace

SparseRows sparse_rows(const std::vector<Entries>& rows) {
  SparseRows result;
  for (const Entries& row : rows) {
    for (const auto& [column, value] : row) result.add(column, value);
    result.end_row();
  }
  return result;
}

SparseRows dense_rows(const std::vector<std::vector<float>>& rows) {
  SparseRows result;
  for (const auto& row : rows) {
    for (std::uint32_t column = 0; column < row.size(); ++column) result.add(column, row[column]);
    result.end_row();
  }
  return result;
}

SparseRows random_rows(std::uint32_t rows, std::uint32_t columns, double density,
                       std::uint64_t seed) {
  Random random(seed);
  SparseRows result;
  for (std::uint32_t r = 0; r < rows; ++r) {
    for (std::uint32_t column = 0; column < columns; ++column) {
      if (random.uniform() < density) result.add(column, static_cast<float>(random.normal()));
    }
    result.end_row();
  }
  return result;
}

Entries entries_of(const SparseRows::Row& row) {
  Entries result;
  for (std::size_t k = 0; k < row.size(); ++k) result.emplace_back(row.columns[k], row.values[k]);
  return result;
}

Design plain_design(std::uint32_t columns, SparseRows rows, std::vector<float> targets,
                    std::vector<float> weights) {
  REQUIRE(rows.rows() == targets.size());
  Design design;
  design.columns = columns;
  design.blocks = {{std::make_shared<const SparseRows>(std::move(rows)), {}}};
  design.targets = std::move(targets);
  design.weights = std::move(weights);
  return design;
}

SharedDesign shared(Design design) {
  return std::make_shared<const Design>(std::move(design));
}

FmData plain_data(Design train, SharedDesign validation) {
  FmData data;
  data.space.fields = {{"row", Side::context, 0, train.columns}};
  data.train = shared(std::move(train));
  data.validation = std::move(validation);
  return data;
}

Design flattened(const Design& design) {
  SparseRows rows;
  for (std::size_t k = 0; k < design.size(); ++k) {
    for (const Block& block : design.blocks) {
      for (const auto& [column, value] : entries_of(block.table->row(block.row_of(k)))) {
        rows.add(column, value);
      }
    }
    rows.end_row();
  }
  return plain_design(design.columns, std::move(rows), design.targets, design.weights);
}

FactorizationMachine random_machine(std::uint32_t columns, std::uint32_t factors,
                                    std::uint64_t seed) {
  FactorizationMachine model(columns, factors);
  Random random(seed);
  model.constant = 0.7f;
  fill_normal(model.linear, 0.4, random);
  for (std::size_t j = 0; j < columns; ++j) fill_normal(model.factors.columns_of(j), 0.3, random);
  model.range = {-10, 10};
  model.space.fields = {{"row", Side::context, 0, columns}};
  return model;
}

FactorizationMachine random_machine(const FeatureSpace& space, std::uint32_t factors,
                                    std::uint64_t seed) {
  FactorizationMachine model = random_machine(space.columns(), factors, seed);
  model.space = space;
  model.fold_in.regularization = 0.5f;
  model.fold_in.bias_regularization = 0.25f;
  model.fold_in.frequency_scaling = 0.5f;
  model.fold_in.own_parameters = space.find(user_field) != nullptr;
  return model;
}

FactorizationMachine machine(float constant, std::vector<float> linear,
                             const std::vector<std::vector<float>>& factors_of_columns) {
  FactorizationMachine model(linear.size(), factors_of_columns.front().size());
  model.space.fields = {{"row", Side::context, 0, static_cast<std::uint32_t>(linear.size())}};
  model.constant = constant;
  model.linear = std::move(linear);
  for (std::size_t j = 0; j < factors_of_columns.size(); ++j) {
    std::ranges::copy(factors_of_columns[j], model.factors.row(j));
  }
  return model;
}

std::vector<float> parameters(const FactorizationMachine& model) {
  std::vector<float> result{model.constant};
  result.insert(result.end(), model.linear.begin(), model.linear.end());
  for (std::size_t j = 0; j < model.columns(); ++j) {
    const auto row = model.factors.columns_of(j);
    result.insert(result.end(), row.begin(), row.end());
  }
  return result;
}

ReferenceMachine::ReferenceMachine(const FactorizationMachine& model)
    : constant(model.constant),
      linear(model.linear.begin(), model.linear.end()),
      k(model.factors.columns()) {
  for (std::size_t j = 0; j < model.columns(); ++j) {
    for (const float x : model.factors.columns_of(j)) factors.push_back(x);
  }
}

double ReferenceMachine::score(const SparseRows::Row& row) const {
  double result = constant;
  for (std::size_t a = 0; a < row.size(); ++a) {
    result += linear[row.columns[a]] * row.values[a];
    for (std::size_t b = 0; b < a; ++b) {
      double product = 0;
      for (std::size_t f = 0; f < k; ++f) {
        product += factors[row.columns[a] * k + f] * factors[row.columns[b] * k + f];
      }
      result += product * double{row.values[a]} * double{row.values[b]};
    }
  }
  return result;
}

std::vector<double*> ReferenceMachine::parameters() {
  std::vector<double*> result{&constant};
  for (double& x : linear) result.push_back(&x);
  for (double& x : factors) result.push_back(&x);
  return result;
}

std::vector<double> ReferenceMachine::values() const {
  std::vector<double> result{constant};
  result.insert(result.end(), linear.begin(), linear.end());
  result.insert(result.end(), factors.begin(), factors.end());
  return result;
}

double largest_difference(const std::vector<double>& a, const FactorizationMachine& b) {
  const std::vector<float> values = parameters(b);
  REQUIRE(a.size() == values.size());
  double largest = 0;
  for (std::size_t k = 0; k < a.size(); ++k)
    largest = std::max(largest, std::abs(a[k] - values[k]));
  return largest;
}

double loss_of(Task task, double score, float target) {
  if (task == Task::regression) return 0.5 * (score - target) * (score - target);
  return std::log1p(std::exp(-std::abs(score))) + std::max(score, 0.0) -
         double{label_of(target)} * score;
}

double objective(const FmOptions& options, const ReferenceMachine& model, const Design& design) {
  const Design flat = flattened(design);
  const SparseRows& rows = *flat.blocks[0].table;
  std::vector<double> squares(flat.columns);
  double sum = 0.5 * options.constant_regularization * model.constant * model.constant;
  for (std::uint32_t k = 0; k < flat.size(); ++k) {
    sum += flat.weight(k) * loss_of(options.task, model.score(rows.row(k)), flat.targets[k]);
    for (const auto& [column, x] : entries_of(rows.row(k))) squares[column] += double{x} * x;
  }
  for (std::size_t j = 0; j < flat.columns; ++j) {
    const double scale = squares[j] == 0 ? 1 : std::pow(squares[j], options.frequency_scaling);
    sum += 0.5 * scale * options.linear_regularization * model.linear[j] * model.linear[j];
    for (std::size_t f = 0; f < model.k; ++f) {
      const double v = model.factors[j * model.k + f];
      sum += 0.5 * scale * options.factor_regularization * v * v;
    }
  }
  return sum;
}

double mean_loss(Task task, const FactorizationMachine& model, const Design& design) {
  const Design flat = flattened(design);
  const ReferenceMachine reference(model);
  double sum = 0, weight = 0;
  for (std::uint32_t k = 0; k < flat.size(); ++k) {
    sum += flat.weight(k) *
           loss_of(task, reference.score(flat.blocks[0].table->row(k)), flat.targets[k]);
    weight += flat.weight(k);
  }
  return sum / weight;
}

std::vector<double> gradient(ReferenceMachine& model, const std::function<double()>& function) {
  constexpr double h = 1e-4;
  std::vector<double> result;
  for (double* const parameter : model.parameters()) {
    const double value = *parameter;
    *parameter = value + h;
    const double above = function();
    *parameter = value - h;
    const double below = function();
    *parameter = value;
    result.push_back((above - below) / (2 * h));
  }
  return result;
}

std::string name_of(Solver solver) {
  return std::array{
      "als", "sgd", "adagrad", "adam", "ftrl", "sgda"}[static_cast<std::size_t>(solver)];
}

std::unique_ptr<FmTrainer> make_fm(Solver solver, FmSgdOptions options, FmData data,
                                   const FactorizationMachine* start) {
  if (solver == Solver::als) return make_fm_als(options, std::move(data), start);
  if (solver == Solver::sgda && !data.validation) data.validation = data.train;
  options.solver =
      std::array{FmSolver::sgd,  FmSolver::sgd,  FmSolver::adagrad,
                 FmSolver::adam, FmSolver::ftrl, FmSolver::sgda}[static_cast<std::size_t>(solver)];
  return make_fm_sgd(options, std::move(data), start);
}

FactorizationMachine trained(Solver solver, const FmSgdOptions& options, const FmData& data,
                             const FactorizationMachine* start) {
  const auto trainer = make_fm(solver, options, data, start);
  run(*trainer);
  return trainer->model();
}

FmSgdOptions plain_fm_options() {
  FmSgdOptions options;
  options.factors = 4;
  options.epochs = 5;
  options.linear_regularization = 0.2f;
  options.factor_regularization = 0.3f;
  options.frequency_scaling = 0;
  options.initial_scale = 0.1f;
  options.learning_rate = 0.02f;
  options.learning_rate_decay = 1;
  options.batch_size = 8;
  return options;
}

SmallWorld small_world(std::uint32_t users, std::uint32_t items, std::size_t count,
                       std::uint64_t seed, bool labels) {
  const auto ratings = synthetic_ratings(users, items, count, seed);
  Random random(seed + 1);
  Indices user_list, item_list, contexts;
  std::vector<float> values;
  std::vector<double> times;
  constexpr std::uint32_t context_rows = 4;
  for (const Rating& rating : ratings) {
    user_list.push_back(rating.user);
    item_list.push_back(rating.item);
    values.push_back(!labels ? rating.value : rating.value >= 4 ? 1.0f : 0.0f);
    times.push_back(86400.0 * random.below(6) + random.below(86400));
    contexts.push_back(random.below(context_rows));
  }
  SmallWorld world{Interactions::from_coordinates(
                       users, items, {user_list, item_list, values, {}, times, contexts}),
                   {},
                   {{"age", Side::user, 2, random_rows(users, 2, 0.8, seed + 2)},
                    {"genre", Side::item, 3, random_rows(items, 3, 0.6, seed + 3)},
                    {"place", Side::context, 3, random_rows(context_rows, 3, 0.7, seed + 4)}}};
  world.seen = SeenItems(world.data);
  return world;
}

FmData world_data(const SmallWorld& world, const DerivedColumns& derived) {
  FmData data;
  data.space = world.space(derived);
  data.train = shared(make_design(data.space, world.data, world.features));
  return data;
}

double shortening(const Design& design) {
  double squares = 0;
  for (const double column : count_columns(design).squares) squares += column;
  return std::min(1.0, 2 * static_cast<double>(design.size()) / squares);
}

}  // namespace featherfm::testing
