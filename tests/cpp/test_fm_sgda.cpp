// Stochastic gradient descent whose penalties follow the validation rows.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>

#include "support_fm.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr std::uint32_t columns = 5, factors = 2;

// Two fields, of two and three columns.
FmData two_fields(Design train, Design validation) {
  FmData data = plain_data(std::move(train), shared(std::move(validation)));
  data.space.fields = {{"left", Side::context, 0, 2}, {"right", Side::context, 2, 3}};
  return data;
}

Design one_example(const Entries& row, float target, float weight) {
  return plain_design(columns, sparse_rows({row}), {target}, {weight});
}

FmSgdOptions sgda_options(Task task) {
  FmSgdOptions options = plain_fm_options();
  options.task = task;
  options.factors = factors;
  options.epochs = 4;
  options.learning_rate = 0.1f;
  options.learning_rate_decay = 0.9f;
  options.constant_regularization = 0.2f;
  options.linear_regularization = 0.4f;
  options.factor_regularization = 0.3f;
  options.field_penalties = {{"right", 0.1f, 0.15f}};
  options.frequency_scaling = 0.5f;  // has no say here
  return options;
}

// The two alternating steps in double. A parameter's penalty pulls by lambda theta, so a step taken
// with a penalty larger by d would have moved theta by -rate d theta further: the slope of the
// validation loss in a penalty is that along -rate theta over the field's columns.
struct AdaptiveReference {
  ReferenceMachine model;
  std::vector<double> linear, pairs;  // penalties of each field, and of each field and factor

  static std::size_t field_of(std::size_t column) { return column < 2 ? 0 : 1; }

  void train(const FmSgdOptions& options, const Design& design, double rate) {
    const SparseRows::Row row = design.blocks[0].table->row(0);
    const std::vector<double> slopes = gradient(model, [&] {
      return design.weight(0) * loss_of(options.task, model.score(row), design.targets[0]);
    });
    const auto parameters = model.parameters();
    *parameters[0] -= rate * (slopes[0] + options.constant_regularization * *parameters[0]);
    for (const auto& [column, value] : entries_of(row)) {
      const std::size_t g = field_of(column);
      double& w = *parameters[1 + column];
      w -= rate * (slopes[1 + column] + linear[g] * w);
      for (std::size_t f = 0; f < factors; ++f) {
        const std::size_t p = 1 + columns + column * factors + f;
        *parameters[p] -= rate * (slopes[p] + pairs[g * factors + f] * *parameters[p]);
      }
    }
  }

  void adapt(const FmSgdOptions& options, const Design& design, double rate) {
    const SparseRows::Row row = design.blocks[0].table->row(0);
    const std::vector<double> slopes = gradient(model, [&] {
      return design.weight(0) * loss_of(options.task, model.score(row), design.targets[0]);
    });
    const auto values = model.values();
    std::vector<double> along_linear(linear.size()), along_pairs(pairs.size());
    for (std::size_t j = 0; j < columns; ++j) {
      along_linear[field_of(j)] -= rate * slopes[1 + j] * values[1 + j];
      for (std::size_t f = 0; f < factors; ++f) {
        const std::size_t p = 1 + columns + j * factors + f;
        along_pairs[field_of(j) * factors + f] -= rate * slopes[p] * values[p];
      }
    }
    for (std::size_t g = 0; g < linear.size(); ++g) {
      linear[g] = std::max(0.0, linear[g] - along_linear[g]);
    }
    for (std::size_t g = 0; g < pairs.size(); ++g) {
      pairs[g] = std::max(0.0, pairs[g] - along_pairs[g]);
    }
  }
};

// Rows of 20 columns; `signal` says how much of the targets the first columns explain.
Design noisy_rows(std::uint32_t count, double signal, std::uint64_t seed) {
  const SparseRows rows = random_rows(count, 20, 0.5, seed);
  Random random(seed + 100);
  std::vector<float> targets;
  for (std::uint32_t r = 0; r < count; ++r) {
    double y = random.normal() * (1 - signal);
    for (const auto& [column, value] : entries_of(rows.row(r))) {
      y += signal * (column % 2 == 0 ? 1 : -1) * double{value};
    }
    targets.push_back(static_cast<float>(y));
  }
  return plain_design(20, rows, targets);
}

std::unique_ptr<FmTrainer> adaptive(double signal, std::uint64_t seed = 1) {
  FmSgdOptions options = plain_fm_options();
  options.epochs = 60;
  options.learning_rate = 0.03f;
  options.linear_regularization = options.factor_regularization = 0;
  auto trainer =
      make_fm(Solver::sgda, options,
              plain_data(noisy_rows(60, signal, seed), shared(noisy_rows(60, signal, seed + 50))));
  run(*trainer);
  return trainer;
}

}  // namespace

TEST_CASE(
    "parameters and penalties follow the published rule of adaptive regularization, the penalties "
    "with a rate of 1") {
  FactorizationMachine start = random_machine(columns, factors, 8);
  start.space.fields = {{"left", Side::context, 0, 2}, {"right", Side::context, 2, 3}};
  for (const Task task : {Task::regression, Task::classification}) {
    const bool regression = task == Task::regression;
    const Design train = one_example({{0, 1}, {1, -0.5f}, {3, 2}}, regression ? 2.5f : 0.0f, 1.5f);
    // Columns 2 and 4 are met by no training row.
    const Design validation =
        one_example({{1, 1}, {2, 1}, {3, -1}, {4, 0.5f}}, regression ? -1.0f : 1.0f, 2);
    const FmSgdOptions options = sgda_options(task);
    const auto trainer = make_fm(Solver::sgda, options, two_fields(train, validation), &start);
    // The best epoch would be kept: compare after each.
    AdaptiveReference reference{ReferenceMachine(start), {0.4, 0.1}, {0.3, 0.3, 0.15, 0.15}};
    double rate = options.learning_rate * shortening(train);
    for (std::uint32_t epoch = 1; epoch <= options.epochs; ++epoch) {
      const StepReport report = trainer->step(1e6);
      reference.train(options, train, rate);
      reference.adapt(options, validation, rate);
      rate *= options.learning_rate_decay;
      CAPTURE(static_cast<int>(task), epoch);
      if (report.finished_epoch->best) {
        CHECK(largest_difference(reference.model.values(), trainer->model()) < 1e-5);
      }
      const auto penalties = trainer->learned_penalties();
      REQUIRE(penalties.size() == 2);
      for (std::size_t g = 0; g < 2; ++g) {
        CHECK(std::abs(penalties[g].linear - reference.linear[g]) < 1e-5);
        CHECK(std::abs(penalties[g].factors -
                       0.5 * (reference.pairs[2 * g] + reference.pairs[2 * g + 1])) < 1e-5);
      }
      CHECK(penalties[0].field == "left");
      CHECK(penalties[1].field == "right");
    }
  }
}

TEST_CASE("training rows that are noise raise the penalties") {
  const auto noise = adaptive(0)->learned_penalties(), signal = adaptive(0.95)->learned_penalties();
  REQUIRE(noise.size() == 1);
  CHECK(noise[0].field == "row");
  CHECK(noise[0].linear > 0.05);
  CHECK(noise[0].factors > 0.01);
  CHECK(signal[0].linear < 0.2f * noise[0].linear);
}

TEST_CASE("only SGDA learns penalties") {
  FmSgdOptions options = plain_fm_options();
  for (const Solver solver : all_solvers) {
    const auto trainer = make_fm(solver, options, plain_data(noisy_rows(10, 0, 1)));
    run(*trainer);
    CHECK(trainer->learned_penalties().size() == (solver == Solver::sgda ? 1 : 0));
  }
}

TEST_CASE("SGDA needs validation rows, and some of them with a weight") {
  FmSgdOptions options = plain_fm_options();
  options.solver = FmSolver::sgda;
  CHECK(error_of([&] { make_fm_sgd(options, plain_data(noisy_rows(10, 0, 1))); }) ==
        "INVALID_ARGUMENT validation");
  Design weightless = noisy_rows(10, 0, 2);
  weightless.weights.assign(10, 0);
  CHECK(error_of([&] {
          make_fm_sgd(options, plain_data(noisy_rows(10, 0, 1), shared(weightless)));
        }) == "EMPTY validation");
}

TEST_CASE("validation rows of weight zero have no say in the penalties") {
  FmSgdOptions options = plain_fm_options();
  Design validation = noisy_rows(10, 0.5, 2);
  const auto without =
      make_fm(Solver::sgda, options, plain_data(noisy_rows(20, 0.5, 1), shared(validation)));
  SparseRows more = *validation.blocks[0].table;
  validation.weights.assign(10, 1);
  for (int k = 0; k < 5; ++k) {
    more.add(3, 5);
    more.end_row();
    validation.targets.push_back(100);
    validation.weights.push_back(0);
  }
  validation.blocks[0].table = std::make_shared<const SparseRows>(more);
  const auto with =
      make_fm(Solver::sgda, options, plain_data(noisy_rows(20, 0.5, 1), shared(validation)));
  run(*without), run(*with);
  CHECK(parameters(without->model()) == parameters(with->model()));
  CHECK(without->learned_penalties()[0].linear == with->learned_penalties()[0].linear);
}
