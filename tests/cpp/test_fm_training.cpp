// What holds for every solver of factorization machines: pieces, weights, early stopping, going on,
// diverging, and the smallest of data.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "support_fm.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr std::array both_tasks{Task::regression, Task::classification};

FmData some_data(Task task, std::uint64_t seed = 5) {
  const bool labels = task == Task::classification;
  const SmallWorld world = small_world(30, 20, 300, seed, labels);
  FmData data = world_data(world, everything);
  SmallWorld other = small_world(30, 20, 80, seed + 1, labels);
  data.validation = shared(make_design(data.space, other.data, other.features));
  return data;
}

// Many rows, so that a step without a budget is only a part.
FmData many_rows(Task task) {
  const std::uint32_t rows = 6000;
  Random random(1);
  std::vector<float> targets;
  for (std::uint32_t r = 0; r < rows; ++r) {
    targets.push_back(task == Task::regression ? static_cast<float>(random.normal())
                                               : static_cast<float>(random.below(2)));
  }
  return plain_data(plain_design(30, random_rows(rows, 30, 0.1, 2), targets),
                    shared(plain_design(30, random_rows(rows, 30, 0.1, 3), targets)));
}

FmSgdOptions task_options(Task task) {
  FmSgdOptions options = plain_fm_options();
  options.task = task;
  return options;
}

Design with_weights(Design design, std::vector<float> weights) {
  design.weights = std::move(weights);
  return design;
}

// The examples at these places, in a design that shares the tables.
Design chosen(const Design& design, const Indices& places) {
  Design result = design;
  result.targets.clear();
  for (Block& block : result.blocks) {
    Indices index;
    for (const std::uint32_t k : places) index.push_back(block.row_of(k));
    block.index = std::move(index);
  }
  for (const std::uint32_t k : places) result.targets.push_back(design.targets[k]);
  return result;
}

}  // namespace

TEST_CASE("a machine trained in many small steps has the same bits as in one large one") {
  for (const Task task : both_tasks) {
    const FmData data = many_rows(task);
    for (const Solver solver : all_solvers) {
      FmSgdOptions options = task_options(task);
      options.epochs = 3;
      const auto at_once = make_fm(solver, options, data),
                 piecewise = make_fm(solver, options, data);
      run(*at_once);
      int steps = 1;
      double fraction = 0;
      CAPTURE(name_of(solver));
      for (StepReport report; !(report = piecewise->step(0)).done; ++steps) {
        CHECK(report.fraction >= fraction);
        CHECK(report.fraction <= 1);
        fraction = report.fraction;
      }
      CHECK(steps > 20);
      CHECK(parameters(piecewise->model()) == parameters(at_once->model()));
      CHECK(piecewise->best_epoch() == at_once->best_epoch());
      CHECK(piecewise->step(0).done);
    }
  }
}

TEST_CASE("validation losses are those of the machine at the epoch's end") {
  for (const Task task : both_tasks) {
    const FmData data = some_data(task);
    for (const Solver solver : all_solvers) {
      const auto trainer = make_fm(solver, task_options(task), data);
      const auto losses = trainer->step(1e6).finished_epoch;
      REQUIRE(losses);
      REQUIRE(losses->validation);
      CHECK(losses->best);
      const FactorizationMachine& model = trainer->model();
      const Design flat = flattened(*data.validation);
      double squared = 0, absolute = 0;
      for (std::uint32_t k = 0; k < flat.size(); ++k) {
        const double s = score(model, flat.blocks[0].table->row(k));
        const double value = task == Task::classification
                                 ? 1 / (1 + std::exp(-s))
                                 : std::clamp(s, double{model.range.low}, double{model.range.high});
        squared += std::pow(value - flat.targets[k], 2);
        absolute += std::abs(value - flat.targets[k]);
      }
      const auto n = static_cast<double>(flat.size());
      const double loss = mean_loss(task, model, *data.validation);
      CAPTURE(name_of(solver));
      CHECK(std::abs(losses->validation->rmse - std::sqrt(squared / n)) < 1e-5);
      CHECK(std::abs(losses->validation->mae - absolute / n) < 1e-5);
      CHECK(std::abs(losses->validation->loss - (task == Task::regression ? 2 * loss : loss)) <
            1e-5);
    }
  }
}

TEST_CASE("examples of weight zero are as good as left out") {
  for (const Task task : both_tasks) {
    const FmData data = some_data(task);
    const auto size = static_cast<std::uint32_t>(data.train->size());
    Indices kept;
    std::vector<float> weights(size);
    for (std::uint32_t k = 0; k < size; ++k) {
      if (k % 3 == 1) continue;
      kept.push_back(k);
      weights[k] = 1;
    }
    FmData weighted = data, fewer = data;
    weighted.train = shared(with_weights(*data.train, weights));
    fewer.train = shared(chosen(*data.train, kept));
    for (const Solver solver : all_solvers) {
      FmSgdOptions options = task_options(task);
      options.frequency_scaling = 0.5f;
      options.constant_regularization = 1;
      options.value_range = ValueRange{1, 5};
      CAPTURE(name_of(solver), static_cast<int>(task));
      CHECK(parameters(trained(solver, options, weighted)) ==
            parameters(trained(solver, options, fewer)));
    }
  }
}

TEST_CASE("a weight of two is as good as the example twice") {
  for (const Task task : both_tasks) {
    const FmData data = some_data(task);
    const auto size = static_cast<std::uint32_t>(data.train->size());
    Indices twice(size);
    std::iota(twice.begin(), twice.end(), 0u);
    std::vector<float> weights(size, 1.0f);
    for (std::uint32_t k = 0; k < size; k += 3) {
      twice.push_back(k);
      weights[k] = 2;
    }
    FmData weighted = data, repeated = data;
    weighted.train = shared(with_weights(*data.train, weights));
    repeated.train = shared(chosen(*data.train, twice));
    // Solvers that see all examples of a step at once; the others would see the first half of the
    // step before its second.
    for (const Solver solver : {Solver::als, Solver::adam}) {
      FmSgdOptions options = task_options(task);
      options.batch_size = 10'000;
      options.learning_rate = 0.01f;
      const FactorizationMachine start = random_machine(data.space, options.factors, 3);
      CAPTURE(name_of(solver), static_cast<int>(task));
      CHECK(
          largest_difference(ReferenceMachine(trained(solver, options, weighted, &start)).values(),
                             trained(solver, options, repeated, &start)) < 2e-3);
    }
    FmSgdOptions small = task_options(task);
    small.learning_rate = 1e-4f;
    const FactorizationMachine start = random_machine(data.space, small.factors, 3);
    const auto one = trained(Solver::sgd, small, weighted, &start),
               two = trained(Solver::sgd, small, repeated, &start);
    const double moved = largest_difference(ReferenceMachine(start).values(), one);
    CHECK(moved > 1e-3);
    CHECK(largest_difference(ReferenceMachine(one).values(), two) < 0.05 * moved);
  }
}

TEST_CASE("early stopping restores the best epoch") {
  for (const Task task : both_tasks) {
    const FmData data = many_rows(task);  // noise: more training only does harm
    for (const Solver solver : all_solvers) {
      FmSgdOptions options = task_options(task);
      options.epochs = 40;
      options.patience = 2;
      options.learning_rate = 0.05f;
      // FTRL's penalties are spread over the epochs asked for.
      options.linear_regularization = options.factor_regularization = options.l1 = 0;
      options.initial_scale = 0.3f;
      const auto trainer = make_fm(solver, options, data);
      const auto epochs = run(*trainer);
      CAPTURE(name_of(solver), static_cast<int>(task), epochs.size());
      CHECK(trainer->stopped_early());
      REQUIRE(trainer->best_epoch() >= 1);
      CHECK(epochs.size() == trainer->best_epoch() + 2);
      for (const EpochLosses& epoch : epochs) {
        CHECK(epoch.validation->loss >= epochs[trainer->best_epoch() - 1].validation->loss);
      }
      options.epochs = trainer->best_epoch();
      options.patience = 0;
      CHECK(parameters(trained(solver, options, data)) == parameters(trainer->model()));
    }
  }
}

TEST_CASE("going on begins with the machine's parameters") {
  for (const Task task : both_tasks) {
    const FmData data = some_data(task);
    const FactorizationMachine start = random_machine(data.space, 4, 6);
    for (const Solver solver : all_solvers) {
      FmSgdOptions options = task_options(task);
      options.value_range = ValueRange{1, 5};
      auto trainer = make_fm(solver, options, data, &start);
      CHECK(parameters(trainer->model()) == parameters(start));
      CHECK(trainer->best_epoch() == 0);
      if (solver == Solver::als) continue;
      // Steps too small to be seen leave them where they are.
      options.learning_rate = solver == Solver::ftrl ? 1e-6f : 1e-9f;
      options.epochs = 1;
      CAPTURE(name_of(solver));
      CHECK(largest_difference(ReferenceMachine(start).values(),
                               trained(solver, options, data, &start)) < 1e-4);
      options.factors = 5;
      CHECK(error_of([&] { make_fm(solver, options, data, &start); }) ==
            "INVALID_ARGUMENT factors");
    }
  }
}

TEST_CASE("columns that are new when training goes on start afresh") {
  const SmallWorld small = small_world(20, 15, 150, 5);
  const FactorizationMachine start =
      random_machine(make_feature_space(small.data, small.seen, small.features, {}, nullptr), 4, 6);
  const SmallWorld large = small_world(24, 15, 200, 7);
  FmData data;
  data.space = make_feature_space(large.data, large.seen, large.features, {}, &start.space);
  data.train = shared(make_design(data.space, large.data, large.features));
  const FactorizationMachine begun =
      make_fm(Solver::sgd, plain_fm_options(), data, &start)->model();
  const ColumnCounts counts = count_columns(*data.train);
  const ColumnField& users = *data.space.find("user");
  for (std::uint32_t user = 0; user < users.columns; ++user) {
    const bool known = user < 20;
    CHECK(begun.linear[user] == (known ? start.linear[user] : 0));
    for (std::size_t f = 0; f < 4; ++f) {
      if (known) CHECK(begun.factors.row(user)[f] == start.factors.row(user)[f]);
      if (!known) CHECK((begun.factors.row(user)[f] != 0) == (counts.examples[user] > 0));
    }
  }
  const std::uint32_t item = data.space.find("item")->begin;
  CHECK(begun.linear[item + 3] == start.linear[start.space.find("item")->begin + 3]);
}

TEST_CASE("going on moves only what the new examples have") {
  for (const Task task : both_tasks) {
    const FmData all = some_data(task);
    const FactorizationMachine start = random_machine(all.space, 4, 6);
    FmData few = all;
    few.train = shared(chosen(*all.train, {0, 1, 2}));
    const ColumnCounts counts = count_columns(*few.train);
    REQUIRE(counts.examples[20] == 0);
    for (const Solver solver : all_solvers) {
      const FactorizationMachine model = trained(solver, task_options(task), few, &start);
      int moved = 0, still = 0;
      for (std::uint32_t j = 0; j < model.columns(); ++j) {
        const bool same =
            model.linear[j] == start.linear[j] &&
            std::ranges::equal(model.factors.columns_of(j), start.factors.columns_of(j));
        if (counts.examples[j] == 0) still += same ? 0 : 1;
        if (counts.examples[j] > 0) moved += same ? 0 : 1;
      }
      CAPTURE(name_of(solver), static_cast<int>(task));
      CHECK(still == 0);
      CHECK(moved > 10);
    }
  }
}

TEST_CASE("training that diverges says so and keeps the last good epoch") {
  // Each step overshoots and makes the error five times as large.
  const Design design =
      plain_design(1, sparse_rows({{{0, 1}}, {{0, 1}}, {{0, 1}}, {{0, 1}}}), {1, 2, 3, 4});
  for (const Solver solver : {Solver::sgd, Solver::sgda}) {
    FmSgdOptions options = plain_fm_options();
    options.factors = 0;
    options.epochs = 1000;
    options.learning_rate = 3;
    options.linear_regularization = 0;
    const auto trainer = make_fm(solver, options, plain_data(design));
    std::uint32_t finished = 0;
    const auto to_the_end = [&] {
      while (!trainer->step(1e6).done) ++finished;
    };
    CHECK(error_of(to_the_end) == "DIVERGED learningRate");
    CHECK(finished >= (solver == Solver::sgd ? 4 : 1));
    CHECK(trainer->best_epoch() >= 1);
    CHECK(trainer->model().all_finite());
    CHECK(trainer->model().linear[0] != 0);
    CHECK(error_of([&] { trainer->step(1); }) == "DIVERGED learningRate");  // asked again
  }
}

TEST_CASE("a learning rate of ten million diverges at once, and the start is kept") {
  for (const Task task : both_tasks) {
    FmSgdOptions options = task_options(task);
    options.learning_rate = 1e7f;
    options.epochs = 50;
    const FmData data = some_data(task);
    for (const Solver solver : all_solvers) {
      if (solver == Solver::als) continue;
      const auto trainer = make_fm(solver, options, data);
      const std::string outcome = error_of([&] { run(*trainer); });
      CAPTURE(name_of(solver), static_cast<int>(task), outcome);
      if (solver == Solver::sgd || solver == Solver::sgda) {
        CHECK(outcome == "DIVERGED learningRate");
        CHECK(trainer->best_epoch() == 0);
      }
      CHECK((outcome == "nothing" || outcome == "DIVERGED learningRate"));
      CHECK(trainer->model().all_finite());
    }
  }
}

TEST_CASE("gigantic numbers end in an error or in finite parameters, never in a crash") {
  for (const Task task : both_tasks) {
    for (const float big : {1e15f, 1e30f, -3e38f}) {
      for (const bool in_targets : {false, true}) {
        if (in_targets && task == Task::classification) continue;
        for (const float scaling : {0.0f, 1.0f}) {
          Design design = plain_design(
              4, sparse_rows({{{0, 1}, {1, in_targets ? 1 : big}}, {{1, 1}, {2, 1}}, {{0, 1}}}),
              {in_targets ? big : 1, task == Task::regression ? 3.0f : 0.0f, 1});
          FmSgdOptions options = task_options(task);
          options.frequency_scaling = scaling;
          for (const Solver solver : all_solvers) {
            const auto trainer = make_fm(solver, options, plain_data(design));
            std::vector<EpochLosses> epochs;
            const std::string outcome = error_of([&] { epochs = run(*trainer); });
            CAPTURE(name_of(solver), static_cast<int>(task), big, in_targets, scaling, outcome);
            CHECK((outcome == "nothing" || outcome.starts_with("DIVERGED")));
            CHECK(trainer->model().all_finite());
            for (const EpochLosses& epoch : epochs) CHECK(std::isfinite(epoch.train.loss));
          }
        }
      }
    }
  }
}

TEST_CASE("the smallest of data can be trained on") {
  const std::vector<Design> designs{
      plain_design(1, sparse_rows({{{0, 1}}}), {1}),
      plain_design(1, sparse_rows({{}}), {1}),
      plain_design(0, sparse_rows({{}, {}}), {1, 0}),
      plain_design(3, sparse_rows({{{0, 0}, {1, 0}}, {}}), {0, 1}),
      plain_design(2, sparse_rows({{{0, 1}}, {{1, 1}}}), {1, 1}),
      with_weights(plain_design(2, sparse_rows({{{0, 1}}, {{1, 1}}}), {1, 0}), {0, 1})};
  for (const Task task : both_tasks) {
    for (const Solver solver : all_solvers) {
      for (const std::uint32_t factors : {0u, 1u, 4u}) {
        for (std::size_t d = 0; d < designs.size(); ++d) {
          FmSgdOptions options = task_options(task);
          options.factors = factors;
          options.epochs = 1;
          CAPTURE(name_of(solver), static_cast<int>(task), factors, d);
          const auto trainer = make_fm(solver, options, plain_data(designs[d]));
          const auto epochs = run(*trainer);
          REQUIRE(epochs.size() == 1);
          CHECK(std::isfinite(epochs[0].train.loss));
          CHECK(trainer->model().all_finite());
          CHECK(trainer->best_epoch() == 1);
        }
      }
    }
  }
}

TEST_CASE("where no training example has a weight, nothing moves") {
  for (const Task task : both_tasks) {
    const Design design =
        with_weights(plain_design(2, sparse_rows({{{0, 1}}, {{1, 1}}}), {1, 0}), {0, 0});
    for (const Solver solver : all_solvers) {
      if (solver == Solver::sgda) continue;
      const auto trainer = make_fm(solver, task_options(task), plain_data(design));
      const auto before = parameters(trainer->model());
      const auto epochs = run(*trainer);
      CHECK(parameters(trainer->model()) == before);
      CHECK(epochs.back().train.loss == 0);
    }
  }
}

TEST_CASE("a constant target is predicted, whatever the row") {
  SmallWorld world = small_world(12, 9, 60, 4);
  FmData data = world_data(world, everything);
  Design design = *data.train;
  std::ranges::fill(design.targets, 3.0f);
  data.train = shared(std::move(design));
  for (const Solver solver : all_solvers) {
    FmSgdOptions options = plain_fm_options();
    options.epochs = 30;
    if (solver == Solver::adam) options.learning_rate = 0.005f;  // its steps have one length
    const FactorizationMachine model = trained(solver, options, data);
    CAPTURE(name_of(solver));
    CHECK(model.range.low == 3);
    CHECK(model.range.high == 3);
    for (const float s : scores(model, *data.train)) CHECK(std::abs(s - 3) < 0.15);
  }
}
