#include "train/fm_als.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "support_fm.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

FmSgdOptions unpenalised(std::uint32_t factors, std::uint32_t epochs) {
  FmSgdOptions options = plain_fm_options();
  options.factors = factors;
  options.epochs = epochs;
  options.linear_regularization = options.factor_regularization = 0;
  return options;
}

bool within(double value, double expected, double relative) {
  return std::abs(value - expected) <= relative * std::abs(expected);
}

// X = [[1, 2], [3, 4], [5, 6]], from w0 = 0, w = [10, 20], V = [300, 400].
const std::vector<float> golden_targets{600, 2800, 10000};
FactorizationMachine golden_start() {
  return machine(0, {10, 20}, {{300}, {400}});
}
FmData golden_data() {
  return plain_data(plain_design(2, dense_rows({{1, 2}, {3, 4}, {5, 6}}), golden_targets));
}

// Every example twice, in another order, a block for each column whose rows are shared by the two.
FmData golden_data_in_blocks() {
  Design design;
  design.columns = 2;
  design.blocks = {{std::make_shared<const SparseRows>(sparse_rows({{{0, 5}}, {{0, 1}}, {{0, 3}}})),
                    {1, 0, 2, 1, 2, 0}},
                   {std::make_shared<const SparseRows>(sparse_rows({{{1, 2}}, {{1, 4}}, {{1, 6}}})),
                    {0, 2, 1, 0, 1, 2}}};
  for (const std::uint32_t k : {0u, 2u, 1u, 0u, 1u, 2u}) {
    design.targets.push_back(golden_targets[k]);
  }
  return plain_data(std::move(design));
}

// One sweep in double, on rows written out, straight from the equations: constant, linear, factors,
// each to the minimum of its parabola.
void reference_sweep(const FmOptions& options, ReferenceMachine& model, const Design& flat) {
  const SparseRows& rows = *flat.blocks[0].table;
  const auto move = [&](double& parameter, double lambda) {
    double s = 0, b = 0;
    const double old = parameter;
    for (std::uint32_t k = 0; k < flat.size(); ++k) {
      parameter = 0;
      const double without = model.score(rows.row(k));
      parameter = 1;
      const double slope = model.score(rows.row(k)) - without;
      s += flat.weight(k) * slope * slope;
      b += flat.weight(k) * slope * (without - flat.targets[k]);
    }
    parameter = s + lambda > 0 ? -b / (s + lambda) : old;
  };
  const ColumnCounts counts = count_columns(flat);
  const auto scale = [&](std::size_t j) {
    return counts.squares[j] == 0 ? 1 : std::pow(counts.squares[j], options.frequency_scaling);
  };
  move(model.constant, options.constant_regularization);
  for (std::size_t j = 0; j < flat.columns; ++j) {
    if (counts.examples[j] > 0) {
      move(model.linear[j], options.linear_regularization * scale(j));
    }
  }
  for (std::size_t f = 0; f < model.k; ++f) {
    for (std::size_t j = 0; j < flat.columns; ++j) {
      if (counts.examples[j] > 0) {
        move(model.factors[j * model.k + f], options.factor_regularization * scale(j));
      }
    }
  }
}

// Everything but days, so that all of it stays quick in double.
FmData blocks() {
  return world_data(small_world(8, 6, 30, 11), {true, true, true, false});
}

double largest_slope(const FmOptions& options, const FactorizationMachine& model,
                     const Design& design) {
  ReferenceMachine reference(model);
  double largest = 0;
  for (const double slope :
       gradient(reference, [&] { return objective(options, reference, design); })) {
    largest = std::max(largest, std::abs(slope));
  }
  return largest;
}

}  // namespace

TEST_CASE("one sweep over three rows gives the known parameters") {
  const FactorizationMachine start = golden_start();
  for (const FmData& data : {golden_data(), golden_data_in_blocks()}) {
    const auto model = trained(Solver::als, unpenalised(1, 1), data, &start);
    CHECK(within(model.constant, -1755643.33333, 1e-4));
    CHECK(within(model.linear[0], -191459.71428571, 1e-3));
    CHECK(within(model.linear[1], 30791.91836735, 1e-3));
    CHECK(within(model.factors.row(0)[0], 253.89744249, 1e-4));
    CHECK(within(model.factors.row(1)[0], 400, 1e-4));
  }
}

TEST_CASE("a hundred sweeps over three rows give the known parameters") {
  const FactorizationMachine start = golden_start();
  for (const FmData& data : {golden_data(), golden_data_in_blocks()}) {
    const auto model = trained(Solver::als, unpenalised(1, 100), data, &start);
    CHECK(within(model.constant, 210911.940403, 1e-3));
    CHECK(within(model.linear[0], -322970.68313639, 1e-3));
    CHECK(within(model.linear[1], 51927.60978978, 1e-3));
    CHECK(within(model.factors.row(0)[0], 94.76612018, 1e-3));
    CHECK(within(model.factors.row(1)[0], 400, 1e-3));
  }
}

TEST_CASE("ninety-nine sweeps more from where one ended are the same as a hundred") {
  const FactorizationMachine start = golden_start();
  const FmData data = golden_data();
  auto first = trained(Solver::als, unpenalised(1, 1), data, &start);
  first.evidence.clear();  // else it would be held where it is
  CHECK(parameters(trained(Solver::als, unpenalised(1, 99), data, &first)) ==
        parameters(trained(Solver::als, unpenalised(1, 100), data, &start)));
}

TEST_CASE("a sweep sets every parameter to the minimum of its parabola") {
  for (const float scaling : {0.0f, 0.5f, 1.0f}) {
    for (const bool weighted : {false, true}) {
      FmData data = blocks();
      if (weighted) {
        Design design = *data.train;
        for (std::size_t k = 0; k < design.size(); ++k) {
          design.weights.push_back(0.5f + 0.5f * static_cast<float>(k % 4));
        }
        data.train = shared(std::move(design));
      }
      FmSgdOptions options = plain_fm_options();
      options.factors = 3;
      options.epochs = 2;
      options.frequency_scaling = scaling;
      options.constant_regularization = 0.7f;
      const FactorizationMachine start = random_machine(data.space, 3, 4);
      const FactorizationMachine flat_model = trained(
          Solver::als, options, {data.space, shared(flattened(*data.train)), nullptr}, &start);
      const FactorizationMachine model = trained(Solver::als, options, data, &start);
      ReferenceMachine reference(start);
      const Design flat = flattened(*data.train);
      for (int sweep = 0; sweep < 2; ++sweep) reference_sweep(options, reference, flat);
      CHECK(largest_difference(reference.values(), model) < 2e-4);
      CHECK(largest_difference(reference.values(), flat_model) < 2e-4);
    }
  }
}

TEST_CASE("relational rows train as the same rows written out") {
  for (const Task task : {Task::regression, Task::classification}) {
    const FmData data =
        world_data(small_world(12, 9, 60, 5, task == Task::classification), everything);
    FmData flat = data;
    flat.train = shared(flattened(*data.train));
    FmSgdOptions options = plain_fm_options();
    options.task = task;
    options.factors = 3;
    options.epochs = 6;
    options.linear_regularization = options.factor_regularization = 1;
    options.frequency_scaling = 0.5f;
    const auto in_blocks = trained(Solver::als, options, data),
               written_out = trained(Solver::als, options, flat);
    CHECK(largest_difference(ReferenceMachine(written_out).values(), in_blocks) < 1e-3);
  }
}

TEST_CASE("after many sweeps the objective has no slope left in any parameter") {
  for (const Task task : {Task::regression, Task::classification}) {
    const FmData data = world_data(small_world(8, 6, 30, 11, task == Task::classification),
                                   {true, true, true, false});
    for (const std::uint32_t factors : {0u, 2u}) {
      FmSgdOptions options = plain_fm_options();
      options.task = task;
      options.factors = factors;
      options.epochs = 1500;
      options.linear_regularization = options.factor_regularization = 0.5f;
      options.frequency_scaling = 0.5f;
      options.constant_regularization = 0.1f;
      options.initial_scale = 0.5f;
      const auto model = trained(Solver::als, options, data);
      CAPTURE(static_cast<int>(task), factors);
      CHECK(largest_slope(options, model, *data.train) < 2e-3);
    }
  }
}

TEST_CASE("every sweep lowers the penalised loss of both tasks") {
  for (const Task task : {Task::regression, Task::classification}) {
    for (const bool weighted : {false, true}) {
      FmData data = world_data(small_world(8, 6, 30, 12, task == Task::classification), everything);
      if (weighted) {
        Design design = *data.train;
        for (std::size_t k = 0; k < design.size(); ++k) {
          design.weights.push_back(static_cast<float>(1 + k % 3));
        }
        data.train = shared(std::move(design));
      }
      FmSgdOptions options = plain_fm_options();
      options.task = task;
      options.factors = 3;
      options.epochs = 12;
      options.initial_scale = 0.5f;
      const auto trainer = make_fm(Solver::als, options, data);
      double before = objective(options, ReferenceMachine(trainer->model()), *data.train);
      const double first = before;
      for (bool done = false; !done;) {
        done = trainer->step(1e6).done;
        const double now = objective(options, ReferenceMachine(trainer->model()), *data.train);
        CHECK(now < before * (1 + 1e-6));
        before = now;
      }
      CHECK(before < 0.7 * first);
    }
  }
}

TEST_CASE("the losses reported are those of the model at the sweep's end") {
  for (const Task task : {Task::regression, Task::classification}) {
    const FmData data = world_data(small_world(12, 9, 60, 5, task == Task::classification), {});
    FmSgdOptions options = plain_fm_options();
    options.task = task;
    const auto trainer = make_fm(Solver::als, options, data);
    const StepReport report = trainer->step(1e6);
    REQUIRE(report.finished_epoch);
    const double loss = mean_loss(task, trainer->model(), *data.train);
    const double expected = task == Task::regression ? 2 * loss : loss;  // squared error, whole
    CHECK(std::abs(report.finished_epoch->train.loss - expected) < 1e-5);
    if (task == Task::regression) {
      CHECK(std::abs(report.finished_epoch->train.rmse - std::sqrt(expected)) < 1e-5);
    }
  }
}

TEST_CASE("with penalties of 10 the ids of MovieLens reach the error of the reference") {
  // libFM by alternating least squares, regularization 10: 0.9248.
  const auto [train, test] = movielens_fold(1);
  FmSgdOptions options;
  options.factors = 8;
  options.epochs = 15;
  options.linear_regularization = options.factor_regularization = 10;
  options.frequency_scaling = 0;
  FmData data;
  data.space = make_feature_space(*train, SeenItems(*train), {}, {}, nullptr);
  data.train = shared(make_design(data.space, *train, {}));
  data.validation = shared(make_design(data.space, *test, {}));
  const auto trainer = make_fm(Solver::als, options, data);
  const double rmse = run(*trainer).back().validation->rmse;
  CAPTURE(rmse);
  CHECK(rmse <= 0.9275);
  CHECK(rmse > 0.9200);
}

TEST_CASE("continued training moves what the new examples belong to, and hardly what all share") {
  const SmallWorld world = small_world(30, 20, 400, 5, false);
  const FmData data = world_data(world, {});
  for (const Solver solver : all_solvers) {
    FmSgdOptions options = plain_fm_options();
    options.factors = 3;
    const FactorizationMachine before = trained(solver, options, data);
    REQUIRE(before.evidence.size() == before.columns());
    CHECK(before.examples == static_cast<float>(data.train->size()));
    // One further example, of the lowest target there is.
    Design one = *data.train;
    for (Block& block : one.blocks) {
      block.index = std::vector<std::uint32_t>(1, block.row_of(0));
    }
    one.targets = std::vector<float>(1, 1.0f);
    one.weights.clear();
    FmData further{data.space, shared(one), solver == Solver::sgda ? data.train : nullptr};
    const FactorizationMachine after = trained(solver, options, further, &before);
    CAPTURE(name_of(solver));
    CHECK(std::abs(after.constant - before.constant) < 0.05);
    const auto scores_before = scores(before, *data.train),
               scores_after = scores(after, *data.train);
    double moved = 0;
    for (std::size_t k = 0; k < scores_before.size(); ++k) {
      moved += std::abs(scores_after[k] - scores_before[k]);
    }
    CHECK(moved / static_cast<double>(scores_before.size()) < 0.1);
    CHECK(after.examples == before.examples + 1);
  }
}
