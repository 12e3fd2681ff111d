#include "train/trainer.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support.h"
#include "train/mf_als.h"
#include "train/mf_sgd.h"
#include "train/svd.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

struct NamedTrainer {
  std::string name;
  std::uint32_t epochs;
  std::function<std::unique_ptr<MfTrainer>()> make;
};

std::vector<NamedTrainer> all_trainers(const SharedSplit& split) {
  std::vector<NamedTrainer> result;
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adagrad, Optimizer::adam}) {
    MfSgdOptions options = plain_options();
    options.optimizer = optimizer;
    options.loss = optimizer == Optimizer::sgd ? Loss::squared : Loss::logistic;
    options.value_range = ValueRange{1, 5};
    options.factors = 8;
    options.epochs = 5;
    result.push_back({"sgd " + std::to_string(static_cast<int>(optimizer)), 5,
                      [=] { return make_mf_sgd(options, split.train, split.test); }});
  }
  MfOptions als = plain_options();
  als.factors = 8;
  als.epochs = 3;
  result.push_back({"als", 3, [=] { return make_mf_als(als, split.train, split.test); }});
  SvdOptions svd;
  svd.factors = 8;
  result.push_back({"svd", 1, [=] { return make_svd(svd, split.train); }});
  return result;
}

SharedSplit some_data() {
  const Interactions data = interactions(300, 200, synthetic_ratings(300, 200, 6000, 21));
  auto [train, test] = split_at(data, random_test(data, 0.2, 1));
  return {shared(std::move(train)), shared(std::move(test))};
}

}  // namespace

TEST_CASE("training in many small steps gives the same bits as in one large one") {
  const SharedSplit split = some_data();
  for (const NamedTrainer& named : all_trainers(split)) {
    CAPTURE(named.name);
    const auto at_once = named.make(), piecewise = named.make();
    run(*at_once);
    std::size_t steps = 1;
    while (!piecewise->step(0).done) ++steps;
    CHECK(steps > 10);  // a step without a budget is one bounded piece
    CHECK(parameters(piecewise->model()) == parameters(at_once->model()));
    CHECK(piecewise->best_epoch() == at_once->best_epoch());
  }
}

TEST_CASE("every epoch is reported once, in order, and progress never goes back") {
  const SharedSplit split = some_data();
  for (const NamedTrainer& named : all_trainers(split)) {
    CAPTURE(named.name);
    for (const double budget : {0.0, 0.05, 1e6}) {
      const auto trainer = named.make();
      std::uint32_t finished = 0;
      double fraction = 0;
      for (bool done = false; !done;) {
        const StepReport report = trainer->step(budget);
        CHECK(report.fraction >= fraction);
        CHECK(report.fraction <= 1);
        fraction = report.fraction;
        if (report.finished_epoch) {
          ++finished;
          CHECK(report.epoch == finished);
          CHECK(report.finished_epoch->train.rmse > 0);
          CHECK(trainer->best_epoch() >= 1);
        } else {
          CHECK(report.epoch <= finished + 1);
        }
        done = report.done;
      }
      CHECK(finished == named.epochs);
      CHECK(fraction == 1);
    }
  }
}

TEST_CASE("a large budget still ends with the epoch") {
  for (const NamedTrainer& named : all_trainers(some_data())) {
    const auto trainer = named.make();
    for (std::uint32_t epoch = 1; epoch <= named.epochs; ++epoch) {
      const StepReport report = trainer->step(1e6);
      CHECK(report.finished_epoch.has_value());
      CHECK(report.epoch == epoch);
    }
  }
}

TEST_CASE("a step after the end does nothing") {
  for (const NamedTrainer& named : all_trainers(some_data())) {
    CAPTURE(named.name);
    const auto trainer = named.make();
    run(*trainer);
    const auto before = parameters(trainer->model());
    const StepReport report = trainer->step(10);
    CHECK(report.done);
    CHECK(report.fraction == 1);
    CHECK(report.epoch == named.epochs);
    CHECK_FALSE(report.finished_epoch.has_value());
    CHECK(parameters(trainer->model()) == before);
  }
}

TEST_CASE("a trainer can be dropped at any point") {
  for (const NamedTrainer& named : all_trainers(some_data())) {
    named.make();
    for (int steps = 1; steps < 200; steps *= 3) {
      const auto trainer = named.make();
      for (int k = 0; k < steps; ++k) trainer->step(0);
    }
  }
}

TEST_CASE("validation losses are those of the model at the epoch's end") {
  const SharedSplit split = some_data();
  for (const NamedTrainer& named : all_trainers(split)) {
    if (named.name == "svd") continue;
    CAPTURE(named.name);
    const auto trainer = named.make();
    const StepReport report = trainer->step(1e6);
    REQUIRE(report.finished_epoch);
    REQUIRE(report.finished_epoch->validation);
    CHECK(report.finished_epoch->best);
    const MatrixFactorization& model = trainer->model();
    double squared = 0, absolute = 0, loss = 0;
    for (std::uint32_t user = 0; user < split.test->users(); ++user) {
      for (std::uint32_t p = split.test->user_begin(user); p < split.test->user_end(user); ++p) {
        const double s = predict(model, user, split.test->item_at(p)),
                     actual = split.test->value_at(p);
        double value = std::clamp(s, double{model.range.low}, double{model.range.high});
        double one_loss = (s - actual) * (s - actual);
        if (model.link == Link::logistic) {
          const double target = (actual - 1) / 4, probability = 1 / (1 + std::exp(-s));
          value = 1 + 4 * probability;
          one_loss = -target * std::log(probability) - (1 - target) * std::log(1 - probability);
        }
        squared += (value - actual) * (value - actual);
        absolute += std::abs(value - actual);
        loss += one_loss;
      }
    }
    const double n = split.test->size();
    CHECK(std::abs(report.finished_epoch->validation->rmse - std::sqrt(squared / n)) < 1e-5);
    CHECK(std::abs(report.finished_epoch->validation->mae - absolute / n) < 1e-5);
    CHECK(std::abs(report.finished_epoch->validation->loss - loss / n) < 1e-5);
  }
}

TEST_CASE("a validation set may hold users and items that training never met") {
  const auto train = shared_data(3, 3, {{0, 0, 1}, {1, 1, 5}, {2, 2, 3}});
  const auto validation = shared_data(9, 9, {{8, 8, 4}, {0, 8, 2}, {8, 0, 2}});
  const auto trainer = make_mf_sgd(plain_options(), train, validation);
  const auto epochs = run(*trainer);
  REQUIRE(epochs.back().validation);
  CHECK(std::isfinite(epochs.back().validation->loss));
}

TEST_CASE("there has to be something to validate on") {
  const auto train = shared_data(3, 3, {{0, 0, 1}, {1, 1, 5}, {2, 2, 3}});
  const auto nothing = shared(Interactions::from_coordinates(3, 3, {}));
  CHECK(error_of([&] { make_mf_sgd(plain_options(), train, nothing); }) == "EMPTY validation");
  CHECK(error_of([&] { make_mf_als(plain_options(), train, nothing); }) == "EMPTY validation");
}
