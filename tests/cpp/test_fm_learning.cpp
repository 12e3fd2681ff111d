// What factorization machines learn: the same minimum by different roads, and rules that were
// planted.
#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "support_fm.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr std::uint32_t columns = 8;

// Rows of noise on top of a linear rule; labels for classification.
Design linear_rule(Task task, std::uint32_t rows, std::uint64_t seed) {
  const SparseRows x = random_rows(rows, columns, 0.6, seed);
  Random random(seed + 1);
  std::vector<float> targets;
  for (std::uint32_t r = 0; r < rows; ++r) {
    double y = 1 + 0.7 * random.normal();
    for (const auto& [column, value] : entries_of(x.row(r))) y += 0.3 * (column - 3.0) * value;
    targets.push_back(task == Task::regression ? static_cast<float>(y) : y > 1 ? 1.0f : 0.0f);
  }
  return plain_design(columns, x, targets);
}

// Each step rule with a rate that suits it, decaying to nothing.
FmSgdOptions long_options(Solver solver, Task task) {
  FmSgdOptions options = plain_fm_options();
  options.task = task;
  options.epochs = solver == Solver::als ? 200 : 250;
  options.learning_rate = solver == Solver::adagrad ? 0.5f : solver == Solver::sgd ? 0.02f : 0.05f;
  options.learning_rate_decay = 0.97f;
  options.batch_size = 16;
  options.linear_regularization = 3;
  options.factor_regularization = 1;
  return options;
}

// The minimum of the penalised loss without factors: ridge regression in closed form, or Newton's
// method. The constant is not penalised.
FactorizationMachine linear_minimum(Task task, const Design& design, double lambda) {
  const auto rows = static_cast<Eigen::Index>(design.size());
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(rows, columns + 1);
  Eigen::VectorXd y(rows);
  x.col(columns).setOnes();
  for (Eigen::Index r = 0; r < rows; ++r) {
    y[r] = design.targets[static_cast<std::size_t>(r)];
    const auto row = design.blocks[0].table->row(static_cast<std::uint32_t>(r));
    for (const auto& [column, value] : entries_of(row))
      x(r, static_cast<Eigen::Index>(column)) = value;
  }
  Eigen::MatrixXd penalty = lambda * Eigen::MatrixXd::Identity(columns + 1, columns + 1);
  penalty(columns, columns) = 0;
  Eigen::VectorXd w = Eigen::VectorXd::Zero(columns + 1);
  for (int round = 0; round < (task == Task::regression ? 1 : 30); ++round) {
    const Eigen::VectorXd s = x * w;
    Eigen::VectorXd p = s, curvature = Eigen::VectorXd::Ones(rows);
    if (task == Task::classification) {
      p = (1 + (-s.array()).exp()).inverse();
      curvature = p.array() * (1 - p.array());
    }
    const Eigen::VectorXd slope = x.transpose() * (p - y) + penalty * w;
    w -= (x.transpose() * curvature.asDiagonal() * x + penalty).ldlt().solve(slope);
  }
  FactorizationMachine model(columns, 0);
  for (std::size_t j = 0; j < columns; ++j) {
    model.linear[j] = static_cast<float>(w[static_cast<Eigen::Index>(j)]);
  }
  model.constant = static_cast<float>(w[columns]);
  return model;
}

// Dense rows of -1 and 1 whose label is that of the product of the first two, unless it is noise.
Design product_rule(std::uint32_t rows, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::vector<float>> x;
  std::vector<float> labels;
  for (std::uint32_t r = 0; r < rows; ++r) {
    auto& row = x.emplace_back();
    for (std::uint32_t j = 0; j < columns; ++j) row.push_back(random.below(2) == 0 ? -1.0f : 1.0f);
    const bool noise = random.uniform() < 0.05;
    labels.push_back((row[0] * row[1] > 0) != noise ? 1.0f : -1.0f);
  }
  return plain_design(columns, dense_rows(x), labels);
}

double accuracy(const FactorizationMachine& model, const Design& design) {
  const auto s = scores(model, design);
  double right = 0;
  for (std::size_t k = 0; k < s.size(); ++k) right += (s[k] > 0) == (design.targets[k] > 0);
  return right / static_cast<double>(s.size());
}

}  // namespace

TEST_CASE("without factors every solver arrives at the minimum in closed form") {
  for (const Task task : {Task::regression, Task::classification}) {
    const Design design = linear_rule(task, 200, 3);
    const FactorizationMachine best = linear_minimum(task, design, 3);
    for (const Solver solver : {Solver::als, Solver::sgd, Solver::adagrad, Solver::adam}) {
      FmSgdOptions options = long_options(solver, task);
      options.factors = 0;
      if (solver == Solver::sgd) options.learning_rate /= static_cast<float>(shortening(design));
      const FactorizationMachine model = trained(solver, options, plain_data(design));
      const double reached = objective(options, ReferenceMachine(model), design),
                   least = objective(options, ReferenceMachine(best), design);
      CAPTURE(name_of(solver), static_cast<int>(task), reached, least);
      CHECK(reached > least * (1 - 1e-6));
      CHECK(reached < least * (solver == Solver::als ? 1 + 1e-5 : 1.001));
      CHECK(largest_difference(ReferenceMachine(best).values(), model) < 0.03);
    }
  }
}

TEST_CASE("without penalties FTRL arrives at ordinary least squares") {
  const Design design = linear_rule(Task::regression, 200, 3);
  const FactorizationMachine best = linear_minimum(Task::regression, design, 0);
  FmSgdOptions options = long_options(Solver::ftrl, Task::regression);
  options.factors = 0;
  options.learning_rate = 0.5f;
  options.linear_regularization = options.l1 = 0;
  const FactorizationMachine model = trained(Solver::ftrl, options, plain_data(design));
  CHECK(largest_difference(ReferenceMachine(best).values(), model) < 0.03);
}

TEST_CASE("with five factors every solver comes to about the same loss") {
  for (const Task task : {Task::regression, Task::classification}) {
    const FmData data = world_data(small_world(30, 20, 300, 5, task == Task::classification), {});
    const FactorizationMachine start = random_machine(data.space, 5, 6);
    double least = 0;
    for (const Solver solver : {Solver::als, Solver::sgd, Solver::adagrad, Solver::adam}) {
      FmSgdOptions options = long_options(solver, task);
      options.factors = 5;
      options.epochs = solver == Solver::sgd ? 1000 : 500;  // small steps take longest
      options.learning_rate_decay = solver == Solver::sgd ? 0.996f : 0.99f;
      if (solver == Solver::sgd)
        options.learning_rate /= static_cast<float>(shortening(*data.train));
      const FactorizationMachine model = trained(solver, options, data, &start);
      const double reached = objective(options, ReferenceMachine(model), *data.train);
      if (solver == Solver::als) least = reached;
      CAPTURE(name_of(solver), static_cast<int>(task), reached, least);
      CHECK(std::abs(reached - least) < 0.05 * least);
    }
  }
}

TEST_CASE("dense random rows are fitted better than by their mean") {
  std::vector<std::vector<float>> x(100);
  Random random(7);
  std::vector<float> y;
  for (auto& row : x) {
    for (std::uint32_t j = 0; j < 8; ++j) row.push_back(static_cast<float>(random.uniform()));
    y.push_back(static_cast<float>(random.uniform()));
  }
  double mean = 0, spread = 0;
  for (const float target : y) mean += target / 100;
  for (const float target : y) spread += (target - mean) * (target - mean) / 100;
  FmSgdOptions options = plain_fm_options();
  options.factors = 5;
  options.learning_rate = 0.001f;
  options.epochs = 1000;
  options.linear_regularization = options.factor_regularization = 0;
  const auto trainer = make_fm(Solver::sgd, options, plain_data(plain_design(8, dense_rows(x), y)));
  const auto epochs = run(*trainer);
  CHECK(epochs.back().train.loss < 0.97 * spread);
  CHECK(epochs.back().train.loss < epochs[100].train.loss);
}

TEST_CASE("a rule that lies in pairs of columns alone is found") {
  const Design train = product_rule(600, 1), test = product_rule(400, 2);
  for (const Solver solver : all_solvers) {
    FmSgdOptions options = plain_fm_options();
    options.task = Task::classification;
    options.factors = 4;
    options.epochs = solver == Solver::als ? 30 : 60;
    options.learning_rate = 0.05f;
    options.linear_regularization = options.factor_regularization = 1;
    if (solver == Solver::sgda) {
      options.linear_regularization = options.factor_regularization = 0.01f;
    }
    const FactorizationMachine model =
        trained(solver, options, plain_data(train, shared(product_rule(200, 3))));
    CAPTURE(name_of(solver));
    CHECK(accuracy(model, test) > 0.92);  // a label in twenty is noise
    // No linear part can tell.
    options.factors = 0;
    CHECK(accuracy(trained(solver, options, plain_data(train)), test) < 0.6);
  }
}

TEST_CASE("what a user has met helps to predict the user nothing else is known of") {
  // Two tastes; each user has met things of one of them and rates by it.
  Random random(3);
  std::vector<Rating> ratings;
  for (std::uint32_t user = 0; user < 60; ++user) {
    for (std::uint32_t item = 0; item < 20; ++item) {
      const bool own = user % 2 == item % 2;
      if (random.uniform() < (own ? 0.6 : 0.1)) ratings.push_back({user, item, own ? 5.0f : 1.0f});
    }
  }
  const Interactions all = interactions(60, 20, ratings);
  FmSgdOptions options = plain_fm_options();
  options.epochs = 30;
  options.linear_regularization = options.factor_regularization = 2;
  const DerivedColumns derived{false, true, true, false};
  FmData data;
  data.space = make_feature_space(all, SeenItems(all), {}, derived, nullptr);
  data.train = shared(make_design(data.space, all, {}));
  const FactorizationMachine model = trained(Solver::als, options, data);
  const Towers towers = model.towers();
  // Somebody new who has met three things of the first taste, unrated.
  UserRow newcomer = average_user(towers);
  add_to(newcomer, row_sums(model, describe(model.space, Side::user, {}, Indices{0, 2, 4})), 0);
  for (std::uint32_t item = 6; item < 20; item += 2) {
    CHECK(towers.score(newcomer.row.data(), newcomer.offset, item) >
          towers.score(newcomer.row.data(), newcomer.offset, item + 1) + 1);
  }
}
