// The step rules of each solver against what its paper says, in double: gradients by central
// differences of the penalised loss, so that neither the model's derivatives nor its kernels take
// part.
#include "train/fm_sgd.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>

#include "support_fm.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// Follows the epochs on rows whose order does not matter: equal ones, or a single batch of all.
class RuleReference {
 public:
  RuleReference(Solver solver, const FmSgdOptions& options, const FactorizationMachine& start,
                const Design& design)
      : solver_(solver),
        options_(options),
        model_(start),
        design_(design),
        states_(model_.parameters().size()),
        penalties_(states_.size()),
        counts_(count_columns(design)) {
    const std::size_t columns = model_.linear.size();
    for (std::size_t p = 0; p < states_.size(); ++p) {
      if (p == 0) {
        penalties_[p] = options.constant_regularization / static_cast<double>(design.size());
        continue;
      }
      const std::size_t j = column_of(p);
      const double rows = std::max(1u, counts_.examples[j]);
      const double lambda =
          p <= columns ? options.linear_regularization : options.factor_regularization;
      penalties_[p] = lambda * std::pow(counts_.squares[j], options.frequency_scaling) / rows;
      // FTRL has the column's whole penalty in its formula, for all epochs at once, and its sums
      // start where they give the present value.
      if (!by_ftrl(p)) continue;
      penalties_[p] *= rows * options.epochs;
      const double w = *model_.parameters()[p];
      states_[p].mean = -w * (options.ftrl_beta / options.learning_rate + penalties_[p]) -
                        (w < 0 ? -1 : 1) * l1();
    }
  }

  std::vector<double> after_epochs() {
    const std::size_t batch = solver_ == Solver::adam ? options_.batch_size : 1;
    double rate = options_.learning_rate;
    if (solver_ == Solver::sgd) rate *= shortening(design_);
    for (std::uint32_t epoch = 0; epoch < options_.epochs; ++epoch) {
      for (std::size_t k = 0; k < design_.size(); k += batch) {
        step(k, std::min(k + batch, design_.size()), rate);
      }
      rate *= options_.learning_rate_decay;
    }
    return model_.values();
  }

 private:
  struct State {
    double mean = 0, square = 0, inverse_rate = 0;  // mean: FTRL's z
    int steps = 0;
  };

  std::size_t column_of(std::size_t p) const {
    const std::size_t columns = model_.linear.size();
    return p <= columns ? p - 1 : (p - 1 - columns) / model_.k;
  }
  double l1() const { return double{options_.l1} * options_.epochs; }
  bool by_ftrl(std::size_t p) const {
    return solver_ == Solver::ftrl && p >= 1 && p <= model_.linear.size();
  }

  void step(std::size_t begin, std::size_t end, double rate) {
    const SparseRows& rows = *design_.blocks[0].table;
    std::vector<double> times(states_.size());  // how many rows have the parameter
    for (std::size_t k = begin; k < end; ++k) {
      times[0] += 1;
      for (const auto& [column, value] : entries_of(rows.row(static_cast<std::uint32_t>(k)))) {
        for (std::size_t p = 1; p < times.size() && value != 0; ++p) {
          if (column_of(p) == column) times[p] += 1;
        }
      }
    }
    const auto loss = [&] {
      double sum = 0;
      for (std::size_t k = begin; k < end; ++k) {
        sum += design_.weight(k) * loss_of(options_.task,
                                           model_.score(rows.row(static_cast<std::uint32_t>(k))),
                                           design_.targets[k]);
      }
      const auto parameters = model_.parameters();
      for (std::size_t p = 0; p < times.size(); ++p) {
        if (by_ftrl(p)) continue;
        sum += 0.5 * times[p] * penalties_[p] * *parameters[p] * *parameters[p];
      }
      return sum;
    };
    const std::vector<double> slopes = gradient(model_, loss);
    const auto parameters = model_.parameters();
    for (std::size_t p = 0; p < times.size(); ++p) {
      if (times[p] > 0) move(p, *parameters[p], slopes[p], rate);
    }
  }

  void move(std::size_t p, double& x, double g, double rate) {
    State& state = states_[p];
    if (by_ftrl(p)) {
      // sigma = 1 / eta - 1 / eta of the step before, eta = alpha / (beta + sqrt(n)).
      const double before = state.steps++ == 0 ? options_.ftrl_beta / rate : state.inverse_rate;
      state.square += g * g;
      state.inverse_rate = (options_.ftrl_beta + std::sqrt(state.square)) / rate;
      state.mean += g - (state.inverse_rate - before) * x;
      const double z = state.mean;
      x = std::abs(z) <= l1()
              ? 0
              : -(z - std::copysign(l1(), z)) / (state.inverse_rate + penalties_[p]);
    } else if (solver_ == Solver::sgd) {
      x -= rate * g;
    } else if (solver_ == Solver::adam) {
      ++state.steps;
      const double b1 = options_.beta1, b2 = options_.beta2;
      state.mean = b1 * state.mean + (1 - b1) * g;
      state.square = b2 * state.square + (1 - b2) * g * g;
      x -= rate * (state.mean / (1 - std::pow(b1, state.steps))) /
           (std::sqrt(state.square / (1 - std::pow(b2, state.steps))) + 1e-8);
    } else {
      state.square += g * g;
      x -= rate * g / std::sqrt(state.square + 1e-8);
    }
  }

  Solver solver_;
  FmSgdOptions options_;
  ReferenceMachine model_;
  Design design_;
  std::vector<State> states_;
  std::vector<double> penalties_;
  ColumnCounts counts_;
};

// Five columns; the row has four of them, one as a zero.
constexpr std::uint32_t columns = 5;
const Entries one_row{{0, 1}, {1, -0.5f}, {3, 2}, {4, 0}};

Design equal_rows(std::size_t count, Task task, float weight = 1) {
  return plain_design(columns, sparse_rows(std::vector<Entries>(count, one_row)),
                      std::vector<float>(count, task == Task::regression ? 2.5f : 0.0f),
                      std::vector<float>(count, weight));
}

FmSgdOptions step_options(Task task) {
  FmSgdOptions options = plain_fm_options();
  options.task = task;
  options.factors = 3;
  options.epochs = 3;
  options.learning_rate = 0.05f;
  options.learning_rate_decay = 0.5f;
  options.constant_regularization = 0.1f;
  options.linear_regularization = 0.3f;
  options.factor_regularization = 0.2f;
  options.l1 = 0.05f;
  return options;
}

double difference(Solver solver, const FmSgdOptions& options, const Design& design) {
  const FactorizationMachine start = random_machine(columns, options.factors, 8);
  const FactorizationMachine model = trained(solver, options, plain_data(design), &start);
  CHECK(largest_difference(ReferenceMachine(start).values(), model) > 1e-3);
  return largest_difference(RuleReference(solver, options, start, design).after_epochs(), model);
}

constexpr std::array rules{Solver::sgd, Solver::adagrad, Solver::adam, Solver::ftrl};

}  // namespace

TEST_CASE("epochs on one row follow the published rule of each solver") {
  for (const Task task : {Task::regression, Task::classification}) {
    for (const Solver solver : rules) {
      for (const float weight : {1.0f, 2.5f}) {
        FmSgdOptions options = step_options(task);
        options.batch_size = solver == Solver::adam && weight == 1 ? 1 : 8;
        CAPTURE(name_of(solver), static_cast<int>(task), weight);
        CHECK(difference(solver, options, equal_rows(1, task, weight)) < 5e-6);
      }
    }
  }
}

TEST_CASE("a column's penalty is scaled by its frequency and spread over its rows") {
  for (const Solver solver : rules) {
    for (const float scaling : {0.5f, 1.0f}) {
      FmSgdOptions options = step_options(Task::regression);
      options.frequency_scaling = scaling;
      options.batch_size = 1;
      CAPTURE(name_of(solver), scaling);
      CHECK(difference(solver, options, equal_rows(3, Task::regression)) < 1e-5);
    }
  }
}

TEST_CASE("Adam takes one step for a batch, and one for the rest at the end of the epoch") {
  for (const Task task : {Task::regression, Task::classification}) {
    for (const std::uint32_t batch : {2u, 4u, 5u, 7u}) {
      FmSgdOptions options = step_options(task);
      options.batch_size = batch;
      CAPTURE(batch);
      CHECK(difference(Solver::adam, options, equal_rows(5, task)) < 1e-5);
    }
  }
}

TEST_CASE("Adam moves only what a batch of different rows has met") {
  for (const Task task : {Task::regression, Task::classification}) {
    const SparseRows rows = sparse_rows(
        {{{0, 1}, {1, 1}}, {{1, 2}}, {{3, -1}, {0, 0.5f}}, {}, {{0, 1}, {1, -1}, {3, 1}}});
    const Design design =
        plain_design(columns, rows,
                     task == Task::regression ? std::vector<float>{1, 5, -2, 3, 0.5f}
                                              : std::vector<float>{1, -1, -1, 1, -1},
                     {1, 2, 0.5f, 1, 1});
    for (const std::uint32_t batch : {5u, 100u}) {
      FmSgdOptions options = step_options(task);
      options.batch_size = batch;
      options.frequency_scaling = 0.5f;
      CHECK(difference(Solver::adam, options, design) < 1e-5);
    }
  }
}

TEST_CASE("parts that are not learned do not move and do not linger") {
  const FactorizationMachine start = random_machine(columns, 3, 8);
  for (const Solver solver : all_solvers) {
    FmSgdOptions options = step_options(Task::regression);
    options.constant = options.linear = false;
    CAPTURE(name_of(solver));
    const auto model =
        trained(solver, options, plain_data(equal_rows(2, Task::regression)), &start);
    CHECK(model.constant == 0);
    CHECK(model.linear == std::vector<float>(columns));
    CHECK_FALSE(model.fold_in.user_bias);
    CHECK(model.factors.row(0)[0] != start.factors.row(0)[0]);
    CHECK(model.factors.row(2)[0] == start.factors.row(2)[0]);  // no row has the column
    CHECK(model.factors.row(4)[0] == start.factors.row(4)[0]);  // only as a zero
  }
}

TEST_CASE("the training loss is measured before each row's own step") {
  const FactorizationMachine start = random_machine(columns, 3, 8);
  for (const Task task : {Task::regression, Task::classification}) {
    const Design design = equal_rows(1, task, 3);
    const double s = score(start, design.blocks[0].table->row(0));
    for (const Solver solver : rules) {
      FmSgdOptions options = step_options(task);
      options.epochs = 1;
      const auto trainer = make_fm(solver, options, plain_data(design), &start);
      const Losses losses = run(*trainer).front().train;
      const double loss = loss_of(task, s, design.targets[0]);
      CHECK(std::abs(losses.loss - (task == Task::regression ? 2 * loss : loss)) < 1e-5);
      const double predicted = task == Task::regression ? s : 1 / (1 + std::exp(-s));
      CHECK(std::abs(losses.rmse - std::abs(predicted - design.targets[0])) < 1e-5);
    }
  }
}

TEST_CASE("FTRL leaves what carries nothing at exactly zero and keeps what does") {
  constexpr std::uint32_t wide = 30, relevant = 5;
  for (const Task task : {Task::regression, Task::classification}) {
    const SparseRows rows = random_rows(500, wide, 0.5, 4);
    Random random(5);
    std::vector<float> targets;
    for (std::uint32_t r = 0; r < rows.rows(); ++r) {
      double y = 0.3 * random.normal();
      for (const auto& [column, value] : entries_of(rows.row(r))) {
        if (column < relevant) y += (column % 2 == 0 ? 2 : -2) * double{value};
      }
      targets.push_back(task == Task::regression ? static_cast<float>(y) : y > 0 ? 1.0f : -1.0f);
    }
    FmSgdOptions options = plain_fm_options();
    options.task = task;
    options.factors = 0;
    options.epochs = 5;
    options.learning_rate = 0.5f;
    options.linear_regularization = 0;
    options.l1 = task == Task::regression ? 40 : 28;
    const auto model =
        trained(Solver::ftrl, options, plain_data(plain_design(wide, rows, targets)));
    for (std::uint32_t j = 0; j < wide; ++j) {
      CAPTURE(j, model.linear[j]);
      if (j >= relevant) CHECK(model.linear[j] == 0);
      if (j < relevant) CHECK((j % 2 == 0 ? 1 : -1) * model.linear[j] > 0.3);
    }
  }
}

TEST_CASE("without an L1 penalty FTRL leaves nothing at zero") {
  FmSgdOptions options = step_options(Task::regression);
  options.l1 = 0;
  const auto model = trained(Solver::ftrl, options, plain_data(equal_rows(4, Task::regression)));
  for (const std::uint32_t j : {0u, 1u, 3u}) CHECK(model.linear[j] != 0);
}

TEST_CASE("with their ids alone, ratings of MovieLens reach the error of matrix factorization") {
  const auto [train, test] = movielens_fold(1);
  FmSgdOptions options;
  options.factors = 24;
  options.epochs = 40;
  options.learning_rate = 0.05f;
  options.learning_rate_decay = 0.92f;
  options.linear_regularization = 0.1f;
  options.factor_regularization = 1.2f;
  options.frequency_scaling = 0.5f;
  FmData data;
  data.space = make_feature_space(*train, SeenItems(*train), {}, {}, nullptr);
  data.train = shared(make_design(data.space, *train, {}));
  data.validation = shared(make_design(data.space, *test, {}));
  const auto trainer = make_fm(Solver::sgd, options, data);
  const double rmse = run(*trainer).back().validation->rmse;
  CAPTURE(rmse);
  CHECK(rmse <= 0.925);
}
